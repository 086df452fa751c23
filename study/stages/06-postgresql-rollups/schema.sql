-- Orders are kept as they were, for all that roll-ups do not know; no report reads them.
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

-- One row for each key that occurred. The key is all that is indexed, and pages have some room, so that a count that goes
-- up stays where it is and no index has to be touched.
CREATE TABLE days (
    tenant UUID, day DATE, orders INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (tenant, day)
) WITH (fillfactor = 80);
-- Of all tenants: the league table.
CREATE INDEX days_of_all ON days (day);
CREATE TABLE hours (
    tenant UUID, hour TIMESTAMPTZ, orders INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (tenant, hour)
) WITH (fillfactor = 80);
CREATE TABLE minutes (
    tenant UUID, facility TEXT COLLATE "C", minute TIMESTAMPTZ, orders INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (tenant, facility, minute)
) WITH (fillfactor = 80);
CREATE TABLE states (
    tenant UUID, day DATE, state TEXT COLLATE "C", orders INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, state)
) WITH (fillfactor = 80);
CREATE TABLE items (
    tenant UUID, day DATE, item_id TEXT COLLATE "C", orders INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, item_id)
) WITH (fillfactor = 80);
CREATE TABLE sizes (
    tenant UUID, day DATE, size INTEGER, orders INTEGER NOT NULL, units INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, size)
) WITH (fillfactor = 80);
