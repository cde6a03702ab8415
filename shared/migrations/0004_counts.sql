-- Counting the terms of a collection reads this index alone; it also serves deleting a collection's row.
CREATE INDEX terms_collection ON terms (collection_id, term);
