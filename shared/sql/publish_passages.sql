-- Let searches see the passages of a version.
-- $1 uuid document
UPDATE passages SET live = true WHERE document_id = $1;
