-- compatible: 4
-- Which workspace a row's key belonged to; '' for none. It may be NULL so that a program of before it can go on adding
-- rows from a batch that lacks it; nothing writes NULL.
ALTER TABLE weir_ledger ADD COLUMN workspace TEXT DEFAULT '';
-- The order of the request log, of which what failed is a small part; and the way to the rows of a minute and to the
-- oldest ones. Rows come in this order, so that keeping it costs little; an index that begins with a key or a person
-- would be written to all over for every batch. A key is found by passing over the others in here.
CREATE INDEX weir_ledger_settled ON weir_ledger (settled_us, id, key_id);
CREATE INDEX weir_ledger_failures ON weir_ledger (settled_us, id, key_id) WHERE outcome <> 'ok';
