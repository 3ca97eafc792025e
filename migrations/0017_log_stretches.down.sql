DELETE FROM weir_usage WHERE level IN (4, 5);
DROP INDEX weir_usage_open_days;
DROP INDEX weir_usage_open_quarters;
ALTER TABLE weir_usage DROP COLUMN complete;
DROP TABLE weir_ledger_stretches;
