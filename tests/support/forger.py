"""A person with write access to the database: no trigger and no foreign key is in the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg2
from sqlalchemy import make_url


def forge(url: str, *statements: str) -> None:
    """Run statements on a ledger behind the program's back; the triggers of a SQLite file are gone after it."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(str(parsed.database))) as db:
            for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                db.execute(statement)
            db.commit()
        return
    place = {"host": parsed.host, "port": parsed.port, "user": parsed.username, "dbname": parsed.database}
    with closing(psycopg2.connect(**place)) as db, db.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        db.commit()
