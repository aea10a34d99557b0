"""The store, on SQLite and on PostgreSQL: tables, transactions, migrations."""
