"""
The source database: a small shop in SQLite, the same to the byte each time it is made.

``python -m sandbox.source PATH`` writes it.
"""

import argparse
import os
import random
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

Row = tuple[Any, ...]

CUSTOMERS = 400
PRODUCTS = 120
ORDERS = 1200
REVIEWS = 600
EMPLOYEES = 40
OPENED = datetime(2024, 1, 1, 8, 0)

SCHEMA = Path(__file__).with_name("source.sql")

COUNTRIES = {"AT": "Austria", "DE": "Germany", "ES": "Spain", "FR": "France", "IT": "Italy", "NL": "Netherlands"}
FIRST_NAMES = ("Ada", "Bruno", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Iris", "Jonas", "Klara", "Leo")
LAST_NAMES = ("Albers", "Bauer", "Costa", "Durand", "Esposito", "Fischer", "Garcia", "Huber", "Jansen", "Keller")
CITIES = ("Vienna", "Berlin", "Madrid", "Paris", "Rome", "Utrecht", "Graz", "Sevilla", "Lyon")
CATEGORIES = ("Kitchen", "Garden", "Office", "Toys", "Knives", "Pots", "Seeds", "Tools", "Paper", "Pens", "Games")
TOP_CATEGORIES = 4
STATUSES = ("new", "paid", "shipped", "delivered", "returned")
METHODS = ("card", "transfer", "invoice")


def create(path: Path) -> None:
    """Write the database to a path, atomically replacing an older one."""
    path = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    unfinished = Path(name)
    try:
        with closing(sqlite3.connect(unfinished)) as database:
            # Nobody reads the unfinished file, so a journal beside it would protect nothing.
            database.execute("PRAGMA journal_mode = OFF")
            database.executescript(SCHEMA.read_text(encoding="utf-8"))
            for table, rows in shop(random.Random(2024)):
                fill(database, table, rows)
            database.commit()
        unfinished.chmod(0o644)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def fill(database: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    rows = list(rows)
    marks = ", ".join("?" * len(rows[0]))
    database.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def shop(chance: random.Random) -> Iterator[tuple[str, Iterable[Row]]]:
    """Return each table's name and rows, parents before children."""
    people = [(chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)) for _ in range(CUSTOMERS)]
    prices = {product: round(chance.uniform(1, 250), 2) for product in range(1, PRODUCTS + 1)}
    lines = [(order, line) for order in range(1, ORDERS + 1) for line in range(1, chance.randint(2, 5))]
    items = [(*key, product := chance.randint(1, PRODUCTS), chance.randint(1, 6), prices[product]) for key in lines]
    totals = dict.fromkeys(range(1, ORDERS + 1), 0.0)
    for order, _, _, quantity, price in items:
        totals[order] += quantity * price

    yield "countries", COUNTRIES.items()
    yield "customers", ((n, *customer(chance, n, *name)) for n, name in enumerate(people, 1))
    yield "addresses", ((n, n, *address(chance)) for n in range(1, CUSTOMERS + 1))
    yield "categories", ((n, category_above(n), name) for n, name in enumerate(CATEGORIES, 1))
    yield (
        "suppliers",
        ((n, f"{name} & Co", f"sales@{name.lower()}.example", country(chance)) for n, name in suppliers()),
    )
    yield "products", ((n, *product_row(chance, n), prices[n], *looks(chance)) for n in prices)
    yield "warehouses", ((n, f"{city} depot", country(chance)) for n, city in enumerate(CITIES[:4], 1))
    yield "stock", ((w, p, chance.randint(0, 500), day(chance)) for w in range(1, 5) for p in prices)
    yield "employees", (employee(chance, n) for n in range(1, EMPLOYEES + 1))
    yield "orders", (order_row(chance, n) for n in totals)
    yield "order_items", items
    yield "payments", ((n, n, *payment(chance), round(total, 2), moment(chance)) for n, total in totals.items())
    yield "reviews", (review(chance, n) for n in range(1, REVIEWS + 1))


def customer(chance: random.Random, number: int, first: str, last: str) -> Row:
    email = f"{first}.{last}.{number}@example.com".lower()
    return (
        first,
        last,
        email,
        f"+1-202-555-{100 + number % 100:04}",
        day(chance, 1950, 2005),
        chance.random() < 0.4,
        moment(chance),
    )


def address(chance: random.Random) -> Row:
    street = f"{chance.choice(LAST_NAMES)} street {chance.randint(1, 99)}"
    return street, f"{chance.randint(10000, 99999)}", chance.choice(CITIES), country(chance)


def category_above(number: int) -> int | None:
    return None if number <= TOP_CATEGORIES else 1 + number % TOP_CATEGORIES


def suppliers() -> Iterable[tuple[int, str]]:
    return enumerate(LAST_NAMES, 1)


def product_row(chance: random.Random, number: int) -> Row:
    category = chance.randint(TOP_CATEGORIES + 1, len(CATEGORIES))
    kind = CATEGORIES[category - 1].lower()
    return category, chance.randint(1, len(LAST_NAMES)), f"{kind} no. {number}", f"Good {kind} for every day."


def looks(chance: random.Random) -> Row:
    return round(chance.uniform(0.05, 20), 3), chance.randbytes(16), chance.random() < 0.1


def employee(chance: random.Random, number: int) -> Row:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    manager = None if number == 1 else 1 + (number - 2) // 5
    salary = round(chance.uniform(28_000, 95_000), 2)
    return number, manager, f"{first} {last}", f"{first}.{last}.{number}@shop.example".lower(), salary, day(chance)


def order_row(chance: random.Random, number: int) -> Row:
    buyer = chance.randint(1, CUSTOMERS)
    note = "Leave it at the door." if chance.random() < 0.1 else None
    return number, buyer, buyer, chance.randint(1, EMPLOYEES), chance.choice(STATUSES), moment(chance), note


def payment(chance: random.Random) -> Row:
    method = chance.choice(METHODS)
    return method, f"DE02{chance.randrange(10**18):018}" if method == "transfer" else None


def review(chance: random.Random, number: int) -> Row:
    rating = chance.randint(1, 5)
    body = f"{rating} of 5, {'again' if rating > 3 else 'not again'}."
    return number, chance.randint(1, PRODUCTS), chance.randint(1, CUSTOMERS), rating, body, moment(chance)


def country(chance: random.Random) -> str:
    return chance.choice(tuple(COUNTRIES))


def moment(chance: random.Random) -> str:
    return str(OPENED + timedelta(minutes=chance.randrange(2 * 365 * 24 * 60)))


def day(chance: random.Random, first_year: int = 2023, last_year: int = 2025) -> str:
    first = date(first_year, 1, 1)
    return str(first + timedelta(days=chance.randrange((date(last_year, 12, 31) - first).days)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox.source", description=__doc__)
    parser.add_argument("path", type=Path, help="where to write the database")
    create(parser.parse_args().path)


if __name__ == "__main__":
    main()
