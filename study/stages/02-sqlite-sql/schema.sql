CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    facility TEXT NOT NULL,
    placed_at TEXT NOT NULL,
    postal_code TEXT NOT NULL
);
CREATE TABLE lines (
    order_id TEXT NOT NULL REFERENCES orders (id),
    item_id TEXT NOT NULL,
    quantity INTEGER NOT NULL
);
CREATE TABLE postal (
    postal_code TEXT PRIMARY KEY,
    state TEXT NOT NULL
);
