-- compatible: 4
-- Keys by the policy that they name, so that one in use is not removed.
CREATE INDEX weir_keys_policy ON weir_keys (policy) WHERE policy <> '';
