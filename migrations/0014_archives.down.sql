DROP TABLE weir_archives;
DROP TABLE weir_ledger_archived;
