-- One for each way rows are looked up. Both hold every column the queries need, so that the tables are not visited.
-- All tenants in a period (league) need none of their own: SQLite skips from tenant to tenant in the first.
CREATE INDEX orders_of_tenant ON orders (tenant, placed_at, facility, postal_code, id);
CREATE INDEX lines_of_order ON lines (order_id, item_id, quantity);
-- Without statistics the planner starts from the lines.
ANALYZE;
