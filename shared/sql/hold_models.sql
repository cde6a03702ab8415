-- Let no model be removed until the transaction ends; switching from one to another does not wait for it.
-- As strong as what a vector's foreign key takes, only earlier.
SELECT id FROM models ORDER BY id FOR KEY SHARE
