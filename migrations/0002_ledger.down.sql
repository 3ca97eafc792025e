DROP TABLE weir_ledger_stream;
DROP TABLE weir_ledger_spend;
DROP TABLE weir_ledger_balance;
DROP TABLE weir_ledger;
