"""Copies of a PostgreSQL database, which nobody may be connected to while it is copied."""


def name_of_copy(template, worker, own=False):
    """OWN: not the worker's, but that of a process of this worker's."""
    end = f"_{worker}{'_own' if own else ''}"
    return template[: 63 - len(end)] + end  # NAMEDATALEN


def _drop(cursor, connection, name):
    # whoever used it is a process that has ended, which the server may not have noticed
    cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
    cursor.execute(f"DROP DATABASE IF EXISTS {connection.ops.quote_name(name)}")


def exists(connection, name):
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


def make_copy(connection, template, name):
    """Makes the database NAME anew from TEMPLATE."""
    quote = connection.ops.quote_name
    with connection.creation._nodb_cursor() as cursor:
        _drop(cursor, connection, name)
        cursor.execute(f"CREATE DATABASE {quote(name)} TEMPLATE {quote(template)}")


def drop_copies(connection, template):
    """Drops all copies of TEMPLATE, of earlier runs too."""
    with connection.creation._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [name_of_copy(template, "gw")])
        for (name,) in cursor.fetchall():
            _drop(cursor, connection, name)
