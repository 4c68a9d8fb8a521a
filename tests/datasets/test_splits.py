"""Splits hold for ever: each scene once, the right numbers, whatever else is there."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloupe.datasets.splits import SPLITS, Archived, InOrder, Listed, PerClass, Rule, Shares
from geoloupe.errors import InputError

NAMES = st.text("abcxyz0189_ é", min_size=1, max_size=6)
LABELS = st.dictionaries(NAMES, st.sampled_from(["", "beach", "forest"]), max_size=60)
SEEDS = st.integers(0, 2**32)
COUNTS = st.integers(0, 12)
SHARES = st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(1, 10)).map(
    lambda parts: Shares(*(part / sum(parts) for part in parts))
)
PER_CLASS = st.builds(PerClass, COUNTS, COUNTS, COUNTS)
SHUFFLED = st.one_of(PER_CLASS, SHARES)
RULES = st.one_of(SHUFFLED, st.builds(InOrder, COUNTS, COUNTS))


@given(RULES, LABELS, SEEDS)
def test_scenes_are_given_once_and_to_known_splits(
    rule: Rule, labels: dict[str, str], seed: int
) -> None:
    splits = rule.assign(labels, seed)
    assert splits.keys() <= labels.keys()
    assert set(splits.values()) <= set(SPLITS)


@given(RULES, LABELS, SEEDS, st.randoms(use_true_random=False))
def test_the_order_in_which_scenes_are_found_does_not_matter(
    rule: Rule, labels: dict[str, str], seed: int, rng: object
) -> None:
    mixed = list(labels.items())
    rng.shuffle(mixed)
    assert rule.assign(dict(mixed), seed) == rule.assign(labels, seed)


@given(PER_CLASS, LABELS, SEEDS)
def test_per_class_counts_are_filled_in_order(
    rule: PerClass, labels: dict[str, str], seed: int
) -> None:
    found = Counter((labels[name], split) for name, split in rule.assign(labels, seed).items())
    for label, there in Counter(labels.values()).items():
        sizes = [found[label, split] for split in SPLITS]
        wanted = [getattr(rule, split) for split in SPLITS]
        assert sizes == [min(n, max(there - sum(wanted[:i]), 0)) for i, n in enumerate(wanted)]


@given(PER_CLASS, LABELS, SEEDS, st.data())
def test_an_absent_scene_moves_others_forward_only(
    rule: PerClass, labels: dict[str, str], seed: int, data: st.DataObject
) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(labels)))) if labels else set()
    before = rule.assign(labels, seed)
    after = rule.assign({name: labels[name] for name in labels.keys() - gone}, seed)
    place = [*SPLITS, None].index
    assert all(place(after.get(name)) <= place(before.get(name)) for name in labels.keys() - gone)


@given(LABELS, SEEDS)
def test_an_absent_class_changes_nothing_for_others(labels: dict[str, str], seed: int) -> None:
    rule = PerClass(3, 1, 2)
    rest = {name: label for name, label in labels.items() if label != "beach"}
    whole = rule.assign(labels, seed)
    assert rule.assign(rest, seed) == {n: s for n, s in whole.items() if n in rest}


@given(SHARES, LABELS, SEEDS)
def test_shares_use_every_scene(rule: Shares, labels: dict[str, str], seed: int) -> None:
    splits = rule.assign(labels, seed)
    assert splits.keys() == labels.keys()
    total = Counter(splits.values())
    for split in SPLITS:
        share = getattr(rule, split)
        # Up to two scenes are taken from the largest split so that the others get one each.
        assert abs(total[split] - share * len(labels)) <= 2
        assert (total[split] > 0) == (share > 0) or len(labels) < 3


@given(SHARES, st.integers(1, 5), st.integers(1, 20), SEEDS)
def test_shares_hold_in_every_class_of_equal_ones(
    rule: Shares, classes: int, size: int, seed: int
) -> None:
    labels = {f"{c}{n:02}": str(c) for c in range(classes) for n in range(size)}
    found = Counter((labels[n], split) for n, split in rule.assign(labels, seed).items())
    for c in range(classes):
        assert abs(found[str(c), "train"] - rule.train * size) <= 1.5
        assert abs(found[str(c), "test"] - rule.test * size) <= 1.5


def test_shares_of_whole_numbers_are_exact_in_every_class() -> None:
    labels = {f"{label}{n}": label for label in "abcdefg" for n in range(20)}
    splits = Shares(train=0.6, val=0.2, test=0.2).assign(labels, 3)
    found = Counter((labels[name], split) for name, split in splits.items())
    numbers = {"train": 12, "val": 4, "test": 4}
    assert found == {(label, split): n for label in "abcdefg" for split, n in numbers.items()}


@given(st.builds(InOrder, COUNTS, COUNTS), LABELS, SEEDS)
def test_in_order_cuts_the_sorted_names(rule: InOrder, labels: dict[str, str], seed: int) -> None:
    splits = rule.assign(labels, seed)
    wanted = ["train"] * rule.train + ["val"] * rule.val + ["test"] * len(labels)
    assert [splits[name] for name in sorted(labels)] == wanted[: len(labels)]


def test_the_draw_of_a_seed_is_written_in_stone() -> None:
    labels = {f"beach{number:02}": "beach" for number in range(8)}
    drawn = PerClass(2, 1, 1).assign(labels, 0)
    assert drawn == {"beach04": "train", "beach06": "train", "beach01": "val", "beach02": "test"}
    assert PerClass(2, 1, 1).assign(labels, 1) != drawn


def test_the_archive_says_it_itself() -> None:
    assert Archived().assign({"a": ""}, 0) == {}


LABELLED = dict.fromkeys(["beach07", "beach 08", "forest01"], "")


def listed(tmp_path: Path, text: str) -> Listed:
    (tmp_path / "mine.txt").write_bytes(text.encode())
    return Listed(tmp_path / "mine.txt")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_list_is_taken_at_its_word(tmp_path: Path, newline: str, start: str) -> None:
    lines = ["test beach07", "", "  train   beach 08  ", "test beach07", ""]
    rule = listed(tmp_path, start + newline.join(lines))
    assert rule.assign(LABELLED, 0) == {"beach07": "test", "beach 08": "train"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("test beach07\ntrain beach77", "line 2: no scene is called 'beach77'; did you mean 'be"),
        ("\ntrian beach07", "line 2: write a split and an id, such as: test beach07"),
        ("beach07", "line 1: write a split and an id"),
        ("test ", "line 1: write a split and an id"),
        ("test beach07\n\nval beach07", "line 3: beach07 is already in test"),
        ("test \xff", "line 1: no scene is called"),
    ],
)
def test_a_mistake_in_a_list_names_the_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"mine\.txt, {said}"):
        listed(tmp_path, text).assign(LABELLED, 0)


def test_a_list_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_bytes(b"\xff\xd8\xff\xe0")
    for name in ("mine.txt", "absent.txt"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as a list"):
            Listed(tmp_path / name).assign(LABELLED, 0)


def test_a_long_list_of_scenes_does_not_flood_the_message(tmp_path: Path) -> None:
    many = {f"beach{number:04}": "" for number in range(5000)}
    with pytest.raises(InputError) as error:
        listed(tmp_path, "test beech").assign(many, 0)
    assert len(str(error.value)) < 500 + len(str(tmp_path)) + 30
