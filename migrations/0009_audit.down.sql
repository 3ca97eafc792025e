DROP TABLE weir_audit_end;
DROP TABLE weir_audit;
