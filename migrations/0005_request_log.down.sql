DROP INDEX weir_ledger_failures;
DROP INDEX weir_ledger_settled;
ALTER TABLE weir_ledger DROP COLUMN workspace;
