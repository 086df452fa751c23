-- As in SQLite. COLLATE "C" compares byte by byte, as SQLite does, whatever language the server was set up for.
CREATE TABLE orders (
    id TEXT COLLATE "C" PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    facility TEXT COLLATE "C" NOT NULL,
    placed_at TEXT COLLATE "C" NOT NULL,
    postal_code TEXT COLLATE "C" NOT NULL
);
-- Which PostgreSQL checks; SQLite only does when it is told to.
CREATE TABLE lines (
    order_id TEXT COLLATE "C" NOT NULL REFERENCES orders (id),
    item_id TEXT COLLATE "C" NOT NULL,
    quantity INTEGER NOT NULL
);
CREATE TABLE postal (
    postal_code TEXT COLLATE "C" PRIMARY KEY,
    state TEXT COLLATE "C" NOT NULL
);
