-- compatible: 4
-- Where a grant comes from: '' from a person here; 'oidc:NAME' from what that identity provider says of a user each time
-- they sign in, and only such a one is taken away again by it.
ALTER TABLE weir_grants ADD COLUMN origin TEXT NOT NULL DEFAULT '';
