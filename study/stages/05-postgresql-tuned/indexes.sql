-- One for each way rows are looked up, in every partition. What is only read, and not looked for, is included.
CREATE INDEX orders_of_facility ON orders (tenant, facility, placed_at) INCLUDE (day, postal_code, id);
CREATE INDEX lines_of_order ON lines (order_id) INCLUDE (day, item_id, quantity);
