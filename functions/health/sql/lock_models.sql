-- One switch at a time; vectors may be written meanwhile.
SELECT id FROM models ORDER BY id FOR NO KEY UPDATE
