-- Values have the type they are: half as many bytes in every row and every index. Both tables lie in one partition for
-- each day, so that lines have to know theirs, too. (Were the partitions made by placed_at, it would be what the tables
-- are joined by, and the planner would take it and the id for independent: a few rows expected, and tens of thousands found.)
CREATE TABLE orders (
    day DATE NOT NULL,
    id UUID NOT NULL,
    tenant UUID NOT NULL,
    facility TEXT COLLATE "C" NOT NULL,
    placed_at TIMESTAMPTZ NOT NULL,
    postal_code TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (id, day)
) PARTITION BY LIST (day);
CREATE TABLE lines (
    day DATE NOT NULL,
    order_id UUID NOT NULL,
    item_id TEXT COLLATE "C" NOT NULL,
    quantity INTEGER NOT NULL
) PARTITION BY LIST (day);
-- For days that nobody has made a partition for. It should stay empty.
CREATE TABLE orders_other PARTITION OF orders DEFAULT;
CREATE TABLE lines_other PARTITION OF lines DEFAULT;
CREATE TABLE postal (
    postal_code TEXT COLLATE "C" PRIMARY KEY,
    state TEXT COLLATE "C" NOT NULL
);
