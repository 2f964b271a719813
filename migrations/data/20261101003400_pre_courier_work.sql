-- migrate:up
SET lock_timeout = '3s';

-- "gate": the recipient wants it left at the gate, so nobody is let in for it.
ALTER TABLE delivery ADD COLUMN handover text NOT NULL DEFAULT 'door' CHECK (handover IN ('door', 'gate'));
GRANT UPDATE (handover) ON delivery TO doorward_api;

-- How long the face of a courier is kept for whom no company speaks any more.
ALTER TABLE authority ADD COLUMN courier_face_days smallint NOT NULL DEFAULT 7 CHECK (courier_face_days BETWEEN 1 AND 30);
GRANT UPDATE (courier_face_days) ON authority TO doorward_api;

-- migrate:down
ALTER TABLE authority DROP COLUMN courier_face_days;
ALTER TABLE delivery DROP COLUMN handover;
