"""Documents that cost a careless server much and the sender nothing, all of at most 16 KiB.

For `make bench` (benchmarks.guard) and for the tests of the limits. They ask our own
schema, so that validation has something to look up.
"""

from collections.abc import Iterator
from typing import Final

MAX_BYTES: Final = 16 * 1024
_RANGE: Final = '{period: {preset: LAST_7_DAYS}, timeZone: "UTC"}'


def hostile_documents() -> Iterator[tuple[str, str]]:
    """Yield name and text of each document; those that would be longer are left out."""
    for make in (
        _towers,
        _floods,
        _nestings,
        _literals,
        _definitions,
        _overlaps,
        _circles,
        _questions_about_the_schema,
        _dear_but_allowed,
    ):
        for name, text in make():
            if len(text.encode()) <= MAX_BYTES:
                yield name, text


def tower(floors: int, spreads: int, *, leaf: str = "__typename", on: str = "Query") -> str:
    """Return fragments of which each spreads the next one so often; it expands to a power."""
    fragments = [
        f"fragment F{n} on {on} {{ {' '.join([f'...F{n + 1}'] * spreads)} }}" for n in range(floors)
    ]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{floors} on {on} {{ {leaf} }}"])


def _towers() -> Iterator[tuple[str, str]]:
    for floors in range(5, 41, 5):
        for spreads in range(2, 11):
            yield f"tower of {floors} floors, {spreads} spreads", tower(floors, spreads)
    for floors in (16, 40, 100):
        yield f"tower of {floors} floors of fields", tower(floors, 2, leaf="portal { name }")
        yield f"tower of {floors} floors of aliases", tower(floors, 2, leaf="a: __typename")
        yield f"tower of {floors} floors of nothing", tower(floors, 2, leaf="...Nobody")
        inline = " ".join(
            f"fragment F{n} on Query {{ ... {{ ...F{n + 1} }} ... on Query {{ ...F{n + 1} }} }}"
            for n in range(floors)
        )
        yield (
            f"tower of {floors} floors of inline fragments",
            f"{{ ...F0 }} {inline} fragment F{floors} on Query {{ __typename }}",
        )
    floors_of_links = " ".join(
        f"fragment F{n} on Link {{ id stats(range: {_RANGE}) {{ breakdown(by: LINK) {{ rows "
        f"{{ link {{ ...F{n + 1} }} }} }} }} }}"
        for n in range(20)
    )
    yield (
        "tower of links within links",
        f"{{ links {{ nodes {{ ...F0 }} }} }} {floors_of_links} fragment F20 on Link {{ id }}",
    )


def _floods() -> Iterator[tuple[str, str]]:
    for count in (15, 16, 100, 240, 330, 900):
        names = range(count)
        yield f"{count} aliases", "{ " + " ".join(f"a{n}: __typename" for n in names) + " }"
        yield (
            f"{count} aliases of an object",
            "{ " + " ".join(f"a{n}: portal {{ name }}" for n in names) + " }",
        )
        yield f"{count} unknown directives", "{ __typename " + "@aa " * count + "}"
        yield f"{count} times @include", "{ __typename " + "@include(if: true) " * count + "}"
        yield (
            f"{count} fields with a directive",
            "{ " + "__typename @skip(if: false) " * count + "}",
        )
        yield f"{count} unknown fields", "{ " + " ".join(f"x{n}" for n in names) + " }"
        yield (
            f"{count} fields almost known",
            "{ portal { " + " ".join(f"nam{n}" for n in names) + " } }",
        )
        yield f"{count} times one field", "{ portal { " + "name " * count + "} }"
        yield f"{count} times one object", "{ " + "portal { name } " * count + "}"
        yield f"{count} guesses", "mutation { " + " ".join(_guess(n) for n in names) + " }"
        yield (
            f"{count} unknown arguments",
            "{ portal(" + " ".join(f"x{n}: 1" for n in names) + ") { name } }",
        )
        yield f"{count} times one argument", "{ node(" + 'id: "x" ' * count + ") { id } }"
        yield (
            f"{count} inline fragments",
            "{ portal { " + "... on Portal { name } " * count + "} }",
        )
        yield (
            f"{count} inline fragments of other types",
            "{ portal { " + "... on Link { id } " * count + "} }",
        )


def _guess(number: int) -> str:
    return f'a{number}: apiKeyRevoke(input: {{id: "{number}"}}) {{ __typename }}'


def _nestings() -> Iterator[tuple[str, str]]:
    for depth in (10, 60, 150, 240, 480, 1500, 8000):
        yield f"{depth} sets deep", "{ a " * depth + "} " * depth
        yield f"{depth} sets deep, unclosed", "{ a " * depth
        yield f"{depth} inline fragments deep", "{ " + "... { " * depth + "id" + " }" * depth + " }"
        yield (
            f"{depth} lists deep",
            "{ nodes(ids: " + "[" * depth + '"x"' + "]" * depth + ") { id } }",
        )
        yield (
            f"{depth} objects deep",
            "{ links(filter: " + "{a: " * depth + "1" + "}" * depth + ") { totalCount } }",
        )
        yield f"{depth} types deep", "query ($a: " + "[" * depth + "Int" + "]" * depth + ") { a }"
    chain = " ".join(f"fragment F{n} on Query {{ ... {{ ...F{n + 1} }} }}" for n in range(80))
    yield "chain of 80 fragments", f"{{ ...F0 }} {chain} fragment F80 on Query {{ __typename }}"


def _literals() -> Iterator[tuple[str, str]]:
    room = MAX_BYTES - 200
    ids = " ".join(['"x"'] * 900)
    yield "a list of 900 ids", f"{{ nodes(ids: [{ids}]) {{ id }} }}"
    yield "a list of 900 wrong ids", f"{{ nodes(ids: [{'{} ' * 400}]) {{ id }} }}"
    yield "a list of 900 numbers for a text", f"{{ links(after: [{'1 ' * 900}]) {{ totalCount }} }}"
    yield "a long text", f'{{ node(id: "{"x" * room}") {{ id }} }}'
    yield "a long block text", f'{{ node(id: """{"x" * room}""") {{ id }} }}'
    yield "a block text of lines", '{ node(id: """' + "\n x" * (room // 3) + '""") { id } }'
    yield "a text of escapes", '{ node(id: "' + "\\u0041" * (room // 6) + '") { id } }'
    yield "an endless text", '{ node(id: "' + "x" * room
    yield "a long number", f"{{ links(first: {'9' * room}) {{ totalCount }} }}"
    yield "a long fraction", f"{{ links(first: 0.{'9' * room}) {{ totalCount }} }}"
    yield "a long name", f"{{ {'x' * room} }}"
    yield (
        "a long name of an enum",
        f"{{ links(orderBy: {{field: {'X' * room}}}) {{ totalCount }} }}",
    )
    yield "a long comment", f"{{ __typename }} #{'x' * room}"
    yield "many comments", "{ __typename } " + "#\n" * (room // 2)
    yield "many commas", "{ __typename " + "," * room + "}"
    yield "many blanks", "{ __typename " + " " * room + "}"
    yield "many lines", "{ __typename " + "\n" * room + "x"
    yield "letters of four bytes", "{ __typename } #" + "\U0001f600" * (room // 4)
    keys = " ".join(f"a{n}: 1" for n in range(300))
    yield "an object of unknown keys", f"{{ links(filter: {{{keys}}}) {{ totalCount }} }}"
    same = 'search: "a" ' * 300
    yield "an object of one key", f"{{ links(filter: {{{same}}}) {{ totalCount }} }}"
    almost = " ".join(f"sear{n}: 1" for n in range(300))
    yield "an object of keys almost known", f"{{ links(filter: {{{almost}}}) {{ totalCount }} }}"


def _definitions() -> Iterator[tuple[str, str]]:
    for count in (10, 11, 60, 150, 240):
        names = range(count)
        yield f"{count} operations", " ".join(f"query Q{n} {{ __typename }}" for n in names)
        yield f"{count} operations of one name", "query Q { __typename } " * count
        yield f"{count} operations without a name", "{ __typename } " * count
        yield (
            f"{count} variables that nobody uses",
            "query (" + " ".join(f"$v{n}: Int" for n in names) + ") { __typename }",
        )
        yield f"{count} variables of one name", "query (" + "$v: Int " * count + ") { __typename }"
        yield (
            f"{count} variables of unknown types",
            "query (" + " ".join(f"$v{n}: Lin{n}" for n in names) + ") { __typename }",
        )
        yield (
            f"{count} variables that nobody defines",
            "{ nodes(ids: [" + " ".join(f"$v{n}" for n in names) + "]) { id } }",
        )
        yield (
            f"{count} variables that are used",
            "query ("
            + " ".join(f"$v{n}: ID!" for n in names)
            + ") { nodes(ids: ["
            + " ".join(f"$v{n}" for n in names)
            + "]) { id } }",
        )
        yield (
            f"{count} fragments that nobody spreads",
            "{ __typename } " + " ".join(f"fragment F{n} on Query {{ __typename }}" for n in names),
        )
        yield (
            f"{count} fragments of one name",
            "{ ...F } " + "fragment F on Query { __typename } " * count,
        )
        yield (
            f"{count} fragments, all spread",
            "{ "
            + " ".join(f"...F{n}" for n in names)
            + " } "
            + " ".join(f"fragment F{n} on Query {{ __typename }}" for n in names),
        )
        yield (
            f"{count} fragments in a chain under 10 operations",
            " ".join(f"query Q{n} {{ ...F0 }}" for n in range(10))
            + " ".join(f" fragment F{n} on Query {{ ...F{n + 1} }}" for n in names)
            + f" fragment F{count} on Query {{ nodes(ids: [$a $b $c]) {{ id }} }}",
        )
        yield f"{count} definitions of types", " ".join(f"type T{n} {{ a: Int }}" for n in names)
        yield f"{count} unknown spreads", "{ " + " ".join(f"...N{n}" for n in names) + " }"


def _overlaps() -> Iterator[tuple[str, str]]:
    for count in (20, 60, 120, 200):
        yield (
            f"{count} fields of one name that differ",
            "{ " + " ".join(f'a: node(id: "{n}") {{ id }}' for n in range(count)) + " }",
        )
        yield (
            f"{count} sets over one fragment",
            "{ "
            + "portal { name ...F } " * (count // 2)
            + "} fragment F on Portal { "
            + "name " * count
            + "}",
        )
        yield (
            f"{count} pages over one another",
            "{ " + "links { nodes { id owner { name } } } " * (count // 4) + "} ",
        )
        pairs = " ".join(f"...F{n}" for n in range(count // 2))
        fragments = " ".join(
            f"fragment F{n} on Query {{ portal {{ name url }} }}" for n in range(count // 2)
        )
        yield f"{count // 2} fragments with one field", f"{{ {pairs} }} {fragments}"
        nested = " ".join(
            f"fragment F{n} on Query {{ portal {{ name }} ...F{n + 1} ...F{n + 2} }}"
            for n in range(count // 4)
        )
        ends = " ".join(
            f"fragment F{count // 4 + n} on Query {{ portal {{ url }} }}" for n in range(2)
        )
        yield f"{count // 4} fragments that interlock", f"{{ ...F0 ...F1 }} {nested} {ends}"


def _circles() -> Iterator[tuple[str, str]]:
    yield "a fragment in itself", "{ ...F } fragment F on Query { ...F }"
    for length in (2, 20, 100, 140):
        ring = " ".join(
            f"fragment F{n} on Query {{ ...F{(n + 1) % length} }}" for n in range(length)
        )
        yield f"a ring of {length} fragments", f"{{ ...F0 }} {ring}"
        yield f"a ring of {length} fragments that nobody spreads", f"{{ __typename }} {ring}"
    knot = " ".join(
        f"fragment F{n} on Query {{ {' '.join(f'...F{m}' for m in range(18))} }}" for n in range(18)
    )
    yield "18 fragments that all spread each other", f"{{ ...F0 }} {knot}"


def _questions_about_the_schema() -> Iterator[tuple[str, str]]:
    for depth in (3, 10, 40):
        inner = "fields { type { " * depth + "name" + " } }" * depth
        yield f"types of fields {depth} deep", f"{{ __schema {{ types {{ {inner} }} }} }}"
    parts = " ".join(
        f"fragment F{n} on __Type {{ ofType {{ ...F{n + 1} }} "
        f"fields {{ type {{ ...F{n + 1} }} }} }}"
        for n in range(20)
    )
    yield (
        "a tower of types",
        f"{{ __schema {{ types {{ ...F0 }} }} }} {parts} fragment F20 on __Type {{ name }}",
    )


def _dear_but_allowed() -> Iterator[tuple[str, str]]:
    fields = "id slug domain shortUrl url title state createdAt clickCount revision"
    yield "a page of 100 links", f"{{ links(first: 100) {{ nodes {{ {fields} }} }} }}"
    everything = f"{fields} startsAt expiresAt updatedAt lastClickedAt clickCounts {{ human bot }}"
    pages = " ".join(f"p{n}: links(first: 100) {{ nodes {{ {everything} }} }}" for n in range(3))
    yield "three pages of 100 links", f"{{ {pages} }}"
    report = "breakdown(by: LINK, top: 100) { rows { key label } }"
    yield (
        "a page of pages",
        f"{{ links(first: 100) {{ nodes {{ stats(range: {_RANGE}) {{ {report} }} }} }} }}",
    )
