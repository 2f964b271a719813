-- migrate:up
SET lock_timeout = '3s';

-- A job goes on in the trace of the transaction that enqueues it, where one is recorded (backend/kit/tracing.py). The
-- place in the headers is the one that pgqueuer reads.
CREATE OR REPLACE FUNCTION jobs.enqueue(p_entrypoint text, p_payload bytea, p_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = jobs, pg_temp
AS $$
    WITH inserted AS (
        INSERT INTO jobs.pgqueuer (priority, status, entrypoint, payload, dedupe_key, headers)
        SELECT 0, 'queued', p_entrypoint, p_payload, p_key,
               CASE WHEN trace.parent <> '' THEN jsonb_build_object('otel', jsonb_build_object('traceparent', trace.parent)) END
        FROM (SELECT current_setting('doorward.trace', true) AS parent) AS trace
        ON CONFLICT (dedupe_key) WHERE status = ANY (ARRAY['queued'::jobs.pgqueuer_status, 'picked'::jobs.pgqueuer_status])
            AND dedupe_key IS NOT NULL DO NOTHING
        RETURNING id, entrypoint, priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'queued', entrypoint, priority FROM inserted
$$;

-- migrate:down
SET lock_timeout = '3s';
CREATE OR REPLACE FUNCTION jobs.enqueue(p_entrypoint text, p_payload bytea, p_key text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = jobs, pg_temp
AS $$
    WITH inserted AS (
        INSERT INTO jobs.pgqueuer (priority, status, entrypoint, payload, dedupe_key)
        VALUES (0, 'queued', p_entrypoint, p_payload, p_key)
        ON CONFLICT (dedupe_key) WHERE status = ANY (ARRAY['queued'::jobs.pgqueuer_status, 'picked'::jobs.pgqueuer_status])
            AND dedupe_key IS NOT NULL DO NOTHING
        RETURNING id, entrypoint, priority
    )
    INSERT INTO jobs.pgqueuer_log (job_id, status, entrypoint, priority)
    SELECT id, 'queued', entrypoint, priority FROM inserted
$$;
