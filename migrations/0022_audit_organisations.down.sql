DROP INDEX weir_audit_org;
ALTER TABLE weir_audit DROP COLUMN org_id;
