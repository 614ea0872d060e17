"""The cache of documents: it hits, it is bounded, and it never keeps what is wrong."""

from graphql import build_schema

from schema.documents import MAX_ERRORS, NOTHING, DocumentCache

SCHEMA = build_schema("type Query { a: Int b(c: Int): Int }")


def test_second_look_up_is_the_same_tree() -> None:
    cache = DocumentCache()
    first = cache.get(SCHEMA, "{ a }")

    assert cache.get(SCHEMA, "{ a }") is first
    assert (cache.hits, cache.misses) == (1, 1)


def test_oldest_document_leaves_when_there_are_too_many() -> None:
    cache = DocumentCache(max_entries=2)
    for text in ("{ a }", "{ x: a }", "{ a }", "{ y: a }", "{ a }", "{ x: a }"):
        cache.get(SCHEMA, text)

    assert (cache.hits, cache.misses) == (2, 4)


def test_documents_leave_when_they_are_too_long_together() -> None:
    cache = DocumentCache(max_characters=800)
    for number in range(100):
        cache.get(SCHEMA, f"{{ a{number}: a {'#' * 60} }}".replace(" }", "\n}"))
    cache.get(SCHEMA, f"{{ a99: a {'#' * 60} }}".replace(" }", "\n}"))
    cache.get(SCHEMA, f"{{ a0: a {'#' * 60} }}".replace(" }", "\n}"))

    assert (cache.hits, cache.misses) == (1, 101)


def test_one_long_document_does_not_push_out_the_others() -> None:
    cache = DocumentCache(max_characters=800)
    cache.get(SCHEMA, "{ a }")
    cache.get(SCHEMA, "{ a } #" + "x" * 700)
    cache.get(SCHEMA, "{ a }")

    assert (cache.hits, cache.misses) == (1, 2)


def test_invalid_document_is_not_kept() -> None:
    cache = DocumentCache()
    for _ in range(2):
        assert [error.message for error in cache.get(SCHEMA, "{ x }").errors] == [
            "Cannot query field 'x' on type 'Query'."
        ]

    assert cache.hits == 0


def test_errors_of_one_document_are_bounded() -> None:
    errors = DocumentCache().get(SCHEMA, "{ " + " ".join(f"x{n}" for n in range(400)) + " }").errors

    assert len(errors) <= MAX_ERRORS + 1  # and a last one that says that there were more


def test_names_of_our_fields_are_not_suggested() -> None:
    [error] = DocumentCache().get(SCHEMA, "{ aa }").errors

    assert "Did you mean" not in error.message


def test_names_are_suggested_to_those_who_may_see_the_schema() -> None:
    [error] = DocumentCache().get(SCHEMA, "{ aa }", sees_schema=True).errors

    assert error.message == "Cannot query field 'aa' on type 'Query'. Did you mean 'a'?"


def test_text_that_does_not_parse_is_refused_once_and_not_kept() -> None:
    cache = DocumentCache()
    for _ in range(2):
        document = cache.get(SCHEMA, "{ a ")
        assert document.tree is NOTHING
        assert [each.message for each in document.errors] == [
            "Syntax Error: Expected Name, found <EOF>."
        ]

    assert (cache.hits, cache.misses) == (0, 2)


def test_kept_question_about_the_schema_is_answered_to_no_one_else() -> None:
    cache = DocumentCache()
    text = "{ __schema { queryType { name } } }"

    assert cache.get(SCHEMA, text, sees_schema=True).errors == ()
    [error] = cache.get(SCHEMA, text).errors
    assert cache.hits == 1
    assert error.extensions == {"code": "INTROSPECTION_OFF"}
