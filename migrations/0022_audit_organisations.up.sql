-- compatible: 4
-- Whose thing an entry is about: 0 is the first organisation's, or the installation's. Only another one's is in the
-- entry's hash (src/store/audit_chain.h), so that every chain of before is what it was. A program of before goes on
-- beside this one, but takes entries of other organisations for changed ones when it proves the log.
ALTER TABLE weir_audit ADD COLUMN org_id BIGINT NOT NULL DEFAULT 0;
CREATE INDEX weir_audit_org ON weir_audit (org_id, id);
