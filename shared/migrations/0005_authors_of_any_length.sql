-- No query reads this index (authors are compared by last name, in any case), and its entries have at most 2712 bytes:
-- one long name would keep its document out.
DROP INDEX sources_authors;
