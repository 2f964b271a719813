"""What is kept of accounts, for a person's copy of his own data."""

from uuid import UUID

from backend.kit.db import Connection, fetch_dicts

__all__ = ["export_of"]


async def export_of(conn: Connection, *, person_id: UUID) -> dict[str, list[dict[str, object]]]:
    """The person's account, sessions and roles, by table; no hashes. In the platform scope."""
    return {
        "account": await fetch_dicts(conn, "SELECT * FROM account WHERE person_id = $1", person_id),
        "session": await fetch_dicts(
            conn, "SELECT s.* FROM session s JOIN account a USING (account_id) WHERE a.person_id = $1", person_id
        ),
        "refresh_token": await fetch_dicts(
            conn,
            """
            SELECT t.session_id, t.expires_at, t.used_at
            FROM refresh_token t JOIN session s USING (session_id) JOIN account a USING (account_id)
            WHERE a.person_id = $1
            """,
            person_id,
        ),
        "staff": await fetch_dicts(
            conn, "SELECT s.* FROM staff s JOIN account a USING (account_id) WHERE a.person_id = $1", person_id
        ),
        "second_factor": await fetch_dicts(
            conn,
            """
            SELECT f.staff_id, f.confirmed_at, f.failed_at
            FROM second_factor f JOIN staff s USING (staff_id) JOIN account a USING (account_id)
            WHERE a.person_id = $1
            """,
            person_id,
        ),
        "recovery_code": await fetch_dicts(
            conn,
            """
            SELECT c.staff_id, c.used_at
            FROM recovery_code c JOIN staff s USING (staff_id) JOIN account a USING (account_id)
            WHERE a.person_id = $1
            """,
            person_id,
        ),
        "staff_role": await fetch_dicts(
            conn,
            """
            SELECT r.* FROM staff_role r JOIN staff s USING (staff_id) JOIN account a USING (account_id)
            WHERE a.person_id = $1
            """,
            person_id,
        ),
    }
