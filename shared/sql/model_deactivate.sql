-- $1 smallint the model that is to be active
UPDATE models SET active = false WHERE active AND id <> $1
