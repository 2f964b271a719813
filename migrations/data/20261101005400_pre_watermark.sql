-- migrate:up
SET lock_timeout = '3s';

-- A number that only rises. The key store holds it too, raised after this one: whichever of the two databases was set
-- back to an earlier moment is found behind the other, before it serves rosters that its gates have left behind and
-- people who were erased since. No row: 0.
CREATE TABLE watermark (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    mark bigint NOT NULL CHECK (mark >= 0)
);
ALTER TABLE watermark ENABLE ROW LEVEL SECURITY;
ALTER TABLE watermark FORCE ROW LEVEL SECURITY;
CREATE POLICY watermark_scope ON watermark USING (scope_platform()) WITH CHECK (scope_platform());
GRANT SELECT ON watermark TO doorward_api, doorward_worker;
GRANT INSERT, UPDATE (mark) ON watermark TO doorward_worker;

-- migrate:down
SET lock_timeout = '3s';
DROP TABLE watermark;
