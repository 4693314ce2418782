"""The figures of the atomic cluster expansion: their numbers are those of `so3`, and what they claim is so."""

import functools

import numpy as np
import pytest
from browsing import copied, live_page, needs_live, said, small_words

from dmol_molnet import so3
from dmol_molnet.counterexamples import pair, relation
from dmol_molnet.molecules import Molecule
from dmol_molnet.nn.separation import difference, untrained

pytestmark = needs_live

KINDS = {"2-body": 2, "3-body": 3, "4-body": 4, "4-body, chiral": None}
"""The pairs of the chapter, and the nu that tells each apart; None for none."""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("ace"), "bending", "shell") as tab:
        yield tab
        assert tab.faults == []


@pytest.fixture
def bending(tab):
    figure = tab.locator("#live-bending")
    figure.get_by_role("button", name="Reset").click()
    return figure


@pytest.fixture
def shell(tab):
    figure = tab.locator("#live-shell")
    figure.get_by_role("button", name="Reset").click()
    return figure


def numbers(text):
    return np.array(text.split(), float)


@functools.cache
def data(name):
    import live_figures

    return live_figures.figures()[name].data()


# ------------------------------------------------------------------------------------------------ an angle


def agrees(told):
    """A and B are those of two directions at this angle; B besides those of Legendre's polynomials."""
    n, theta = numbers(told["directions"]).reshape(2, 3), np.radians(float(told["theta"]))
    np.testing.assert_allclose(n @ n.T, [[1, np.cos(theta)], [np.cos(theta), 1]], atol=2e-6)
    A = so3.spherical_harmonics(2, n).sum(axis=0)
    np.testing.assert_allclose(numbers(told["a"]), A, atol=1e-5)
    x = np.cos(theta)
    legendre = np.array([1, x, (3 * x * x - 1) / 2])
    B = np.sqrt([1, 3, 5]) * (2 + 2 * legendre)
    np.testing.assert_allclose(numbers(told["b"]), B, atol=2e-6)
    assert float(told["energy"]) == pytest.approx(np.dot([-1, 0.5, 0.2], B), abs=2e-6)


def test_E_has_a_scale_on_which_its_change_is_seen(bending):
    """The dot of E goes over most of its panel, of which a fifth and more lies above a line at 0."""
    slider, heights = bending.get_by_role("slider", name="angle θ"), []
    dot = bending.locator(".live-stage svg").first.locator(":scope > circle").last
    for theta in range(20, 181, 10):
        slider.fill(str(theta))
        heights.append((float(said(bending)["energy"]), float(dot.get_attribute("cy"))))
    E, y = np.array(heights).T
    slope, zero = np.polyfit(E, y, 1)
    np.testing.assert_allclose(y, slope * E + zero, atol=0.01)
    assert np.ptp(y) > 75
    lines = (
        bending.locator(".live-stage svg")
        .first.locator(":scope > line")
        .evaluate_all("all => all.map(it => ['x1', 'x2', 'y1', 'y2'].map(name => Number(it.getAttribute(name))))")
    )
    assert any(y1 == y2 == pytest.approx(zero, abs=0.01) and x2 - x1 > 100 for x1, x2, y1, y2 in lines)


def test_it_begins_with_the_numbers_of_the_chapter(bending):
    told = said(bending)
    agrees(told)
    assert numbers(told["directions"]).tolist() == [1, 0, 0, -0.6, 0.8, 0]
    np.testing.assert_allclose(numbers(told["a"])[1:4], 3**0.5 * np.array([0.8, 0, 0.4]), atol=1e-6)
    np.testing.assert_allclose(numbers(told["b"]), [4, 3 * 0.8 / 3**0.5, 10.4 / 5**0.5], atol=1e-6)
    assert bending.locator("svg").last.get_attribute("aria-label").endswith("B: 4.00, 1.39, 4.65. E: −2.38.")


def test_products_know_the_angle(bending, tab):
    slider = bending.get_by_role("slider", name="angle θ")
    seen = []
    for key in ("Home", "PageUp", "PageUp", "ArrowRight", "ArrowLeft", "ArrowLeft", "PageUp", "End"):
        slider.press(key)
        agrees(told := said(bending))
        seen.append(float(told["theta"]))
    assert seen[0] == 20
    assert seen[-1] == 180
    assert len(set(seen)) >= 6
    assert seen[4] == seen[3] - 1


TURNS = ("Turn left", "Turn right", "Turn up", "Turn down", "Turn against the clock", "Turn with the clock")


@pytest.mark.parametrize("way", TURNS)
def test_turned_A_turns_and_B_stays(bending, way):
    bending.get_by_role("slider", name="angle θ").press("PageDown")
    bending.get_by_role("button", name="Turn up").click()  # out of the plane, where no entry of A is zero
    before = said(bending)
    bending.get_by_role("button", name=way, exact=True).click()
    told = said(bending)
    agrees(told)
    assert (told["b"], told["energy"], told["theta"]) == (before["b"], before["energy"], before["theta"])
    R = rotation_between(*(numbers(x["directions"]).reshape(2, 3) for x in (before, told)))
    D = np.zeros((9, 9))
    for l in range(3):
        D[l * l : (l + 1) ** 2, l * l : (l + 1) ** 2] = so3.wigner_d(l, R)
    np.testing.assert_allclose(numbers(told["a"]), D @ numbers(before["a"]), atol=2e-5)
    assert np.abs(numbers(told["a"]) - numbers(before["a"])).max() > 0.05
    assert np.arccos((np.trace(R) - 1) / 2) == pytest.approx(np.pi / 12, abs=1e-4)


def rotation_between(a, b):
    """The rotation [3, 3] that takes two directions to two others."""
    frames = [np.array([*n, np.cross(*n)]).T for n in (a, b)]
    U, _, V = np.linalg.svd(frames[1] @ np.linalg.inv(frames[0]))  # rid of six digits' rounding
    return U @ V


def test_a_drag_of_neighbour_2_opens_the_angle_and_one_beside_it_turns(bending, tab):
    def drag(x, y, by):
        tab.mouse.move(x, y)
        tab.mouse.down()
        tab.mouse.move(x + by[0], y + by[1], steps=4)
        tab.mouse.up()

    bending.locator(".live-stage").scroll_into_view_if_needed()
    before, box = said(bending), bending.locator("[data-grab]").bounding_box()
    drag(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, (-60, 10))
    opened = said(bending)
    agrees(opened)
    assert float(opened["theta"]) < float(before["theta"]) - 10
    assert opened["directions"].split()[:3] == before["directions"].split()[:3]
    box = bending.locator(".live-stage svg").first.bounding_box()
    drag(box["x"] + 20, box["y"] + 20, (40, 30))
    turned = said(bending)
    agrees(turned)
    assert turned["b"] == opened["b"]
    assert turned["a"] != opened["a"]


def test_the_lines_to_copy_print_what_is_shown(bending):
    bending.get_by_role("slider", name="angle θ").press("ArrowLeft")
    bending.get_by_role("button", name="Turn left").click()
    told = said(bending)
    [(A, B, energy)] = copied(bending)
    np.testing.assert_allclose(numbers(told["a"]), A, atol=1e-6)
    np.testing.assert_allclose(numbers(told["b"]), B, atol=1e-6)
    assert float(told["energy"]) == pytest.approx(energy, abs=1e-6)
    bending.get_by_role("button", name="Reset").click()
    assert float(said(bending)["theta"]) == pytest.approx(np.degrees(np.arccos(-0.6)), abs=1e-6)


def test_the_lines_of_the_picture_are_what_sums_of_harmonics_give():
    read = data("bending")
    for theta, *curve in zip(read["angles"], *read["curves"], strict=True):
        n = [[1, 0, 0], [np.cos(np.radians(theta)), np.sin(np.radians(theta)), 0]]
        A = so3.spherical_harmonics(2, np.array(n)).sum(axis=0)
        B = [A[l * l : (l + 1) ** 2] @ A[l * l : (l + 1) ** 2] / (2 * l + 1) ** 0.5 for l in range(3)]
        np.testing.assert_allclose(curve, [*B, np.dot(read["weights"], B)], atol=1e-4)


# ------------------------------------------------------------------------------------------------ two environments


@functools.cache
def tables(l_max, nu):
    return so3.symmetric_product(l_max, 4, "0e").tensor(nu, "0e")[0]


def invariants(directions, l_max, nu):
    """By the whole tables U: a list of [couplings]."""
    A, found = so3.spherical_harmonics(l_max, directions).sum(axis=0), []
    for k in range(1, nu + 1):
        value = tables(l_max, k)
        for _ in range(k):
            value = np.tensordot(A, value, 1)
        found.append(value)
    return found


def choose(figure, name, l_max, nu):
    """By keys, as a reader would."""
    figure.get_by_role("radio", name=data("shell")["pairs"][name]["equal"], exact=True).check()
    for label, value in (("degrees, up to l_max =", l_max), ("factors, up to ν =", nu)):
        slider = figure.get_by_role("slider", name=label)
        slider.press("Home")
        for _ in range(value - 1):
            slider.press("ArrowRight")
    told = said(figure)
    assert (told["pair"], told["lMax"], told["nu"]) == (name, str(l_max), str(nu))
    return told


def verdicts(a, b):
    """How many numbers differ, and the first nu with one; None for none."""
    differ = [np.abs(x - y) > 1e-8 * max(np.abs(x).max(), np.abs(y).max()) for x, y in zip(a, b, strict=True)]
    first = next((nu for nu, some in enumerate(differ, 1) if some.any()), None)
    return sum(int(some.sum()) for some in differ), first


@functools.cache
def on_one_shell(name):
    """The chapter's environments [2][N, 3], all neighbours moved to distance 1; not turned."""
    return [m.positions[1:] / np.linalg.norm(m.positions[1:], axis=1)[:, None] for m in (pair(name).a, pair(name).b)]


def cloud(x):
    return Molecule([6] + [1] * len(x), np.array([[0, 0, 0], *x]))


@pytest.mark.parametrize("name", KINDS)
def test_on_one_shell_a_pair_is_what_it_was(name):
    a, b = on_one_shell(name)
    assert relation(cloud(a), cloud(b)) == pair(name).relation
    for ours, theirs in zip((data("shell")["pairs"][name][k] for k in "ab"), (a, b), strict=True):
        assert relation(cloud(ours), cloud(theirs)) == "the same"


@pytest.mark.parametrize("name", KINDS)
def test_what_looks_the_same_at_nu_comes_apart_at_the_next(shell, name):
    for l_max in (1, 2, 3):
        choose(shell, name, l_max, 1)
        for nu in (1, 2, 3, 4):
            told = said(shell)
            assert (told["lMax"], told["nu"]) == (str(l_max), str(nu))
            a, b = (invariants(x, l_max, nu) for x in on_one_shell(name))  # seen from elsewhere: they are invariant
            np.testing.assert_allclose(numbers(told["a"]), np.concatenate(a), rtol=1e-6, atol=2e-6)
            np.testing.assert_allclose(numbers(told["b"]), np.concatenate(b), rtol=1e-6, atol=2e-6)
            differ, first = verdicts(a, b)
            assert (told["differ"], told["first"]) == (str(differ), str(first or "none"))
            assert int(told["total"]) == sum(so3.count_symmetric(l_max, k, "0e") for k in range(1, nu + 1))
            if l_max >= 2:
                assert first == (KINDS[name] if KINDS[name] and KINDS[name] <= nu else None)
            shell.get_by_role("slider", name="factors, up to ν =").press("ArrowRight")


def test_a_mirror_image_is_named(shell):
    choose(shell, "4-body, chiral", 3, 4)
    assert "mirror images" in shell.locator(".live-stage p").inner_text()
    shell.get_by_role("button", name="b4", exact=True).press("ArrowRight")
    assert "mirror images" not in shell.locator(".live-stage p").inner_text()


@pytest.mark.parametrize("nu", [1, 2, 3, 4])
def test_networks_of_the_chapter_say_the_same(shell, nu):
    model = untrained("ace", correlation=nu, l_max=2, seed=0)
    for name in KINDS:
        told = choose(shell, name, 2, nu)
        assert (difference(model, pair(name)) > 1e-8) == (told["differ"] != "0")


def environments(told):
    return [numbers(told[k]).reshape(-1, 3) for k in ("directionsA", "directionsB")]


def consistent(figure):
    """What is shown is what Python says of the directions, and what the lines to copy print."""
    told = said(figure)
    x, nu, l_max = environments(told), int(told["nu"]), int(told["lMax"])
    [(found,)] = copied(figure)
    for directions, key, printed in zip(x, "ab", found, strict=True):
        np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=2e-6)
        assert len(printed) == nu
        np.testing.assert_allclose(numbers(told[key]), np.concatenate(printed), rtol=1e-5, atol=1e-5)
        exact = np.concatenate(invariants(directions, l_max, nu))
        np.testing.assert_allclose(numbers(told[key]), exact, rtol=1e-3, atol=1e-3)  # of six digits each
    assert int(told["neighbors"]) == len(x[1])
    return told


def test_neighbours_move_come_and_go(shell):
    before = consistent(shell)
    shell.get_by_role("button", name="b4", exact=True).focus()
    for _ in range(5):
        shell.page.keyboard.press("ArrowUp")
    moved = consistent(shell)
    _, b = environments(moved)
    assert moved["a"] == before["a"]
    assert moved["first"] == "2"
    assert np.abs(b - environments(before)[1]).max(axis=1).astype(bool).tolist() == [False] * 3 + [True]
    shell.get_by_role("button", name="Add a neighbour to b").click()
    added = consistent(shell)
    assert (added["neighbors"], added["first"]) == ("5", "1")
    shell.get_by_role("group", name="Move the chosen neighbour").get_by_role("button", name="Move left").click()
    assert consistent(shell)["directionsB"] != added["directionsB"]
    shell.get_by_role("button", name="Remove a neighbour of b").click()
    back = consistent(shell)
    assert (back["neighbors"], back["first"], back["b"]) == ("4", "2", moved["b"])


def test_b_is_made_like_a_by_hand(shell, tab):
    choose(shell, "2-body", 3, 4)
    canvas = shell.locator("canvas").last
    canvas.scroll_into_view_if_needed()
    box, SHELL, REACH = canvas.bounding_box(), 2.4, 2.95

    def spot(x):
        """Where a direction is seen."""
        px = box["width"] / 2 / REACH
        return box["x"] + box["width"] / 2 + px * SHELL * x[0], box["y"] + box["height"] / 2 - px * SHELL * x[1]

    a, b = (data("shell")["pairs"]["2-body"][k][1] for k in "ab")
    tab.mouse.move(*spot(b))
    tab.mouse.down()
    tab.mouse.move(*spot(a), steps=5)
    tab.mouse.up()
    told = consistent(shell)
    _, now = environments(told)
    np.testing.assert_allclose(now[1] @ now[0], a @ np.array(data("shell")["pairs"]["2-body"]["a"][0]), atol=0.05)
    np.testing.assert_allclose(numbers(told["b"]), numbers(told["a"]), rtol=0.3, atol=0.6)


def test_there_are_one_to_eight_neighbours(shell):
    add, remove = (shell.get_by_role("button", name=words) for words in ("Add a neighbour", "Remove a neighbour"))
    for _ in range(6):
        add.press("Enter")
    assert said(shell)["neighbors"] == "8"
    assert add.get_attribute("aria-disabled") == "true"
    b = environments(consistent(shell))[1]
    assert (b[4:] @ b.T - 2 * np.eye(8)[4:]).max() < 0.7  # no new one on top of another
    for _ in range(9):
        remove.press("Enter")
    assert said(shell)["neighbors"] == "1"
    assert remove.get_attribute("aria-disabled") == "true"
    alone = consistent(shell)
    shell.get_by_role("button", name="b1", exact=True).press("ArrowUp")
    moved = consistent(shell)
    assert moved["directionsB"] != alone["directionsB"]
    np.testing.assert_allclose(numbers(moved["b"]), numbers(alone["b"]), atol=2e-6)  # where one is, nothing says
    assert shell.locator(".live-handles button:visible").count() == 3  # it, add, remove


def test_b_that_a_reader_has_changed_is_of_no_pair(shell):
    acts = [
        lambda: shell.get_by_role("button", name="b2", exact=True).press("ArrowLeft"),
        lambda: shell.get_by_role("button", name="Add a neighbour to b").click(),
        lambda: shell.get_by_role("button", name="Remove a neighbour of b").click(),
    ]
    for act in acts:
        shell.get_by_role("button", name="Reset").click()
        assert shell.get_by_role("radio", checked=True).count() == 1
        act()
        assert shell.get_by_role("radio", checked=True).count() == 0
        assert said(shell)["pair"] == "own"
    assert choose(shell, "3-body", 2, 3)["first"] == "3"


@pytest.mark.parametrize("width", [1000, 390])
def test_nothing_moves_while_one_slides(shell, tab, width):
    tab.set_viewport_size({"width": width, "height": 900})
    places = set()
    for name in ("factors, up to ν =", "degrees, up to l_max ="):
        slider = shell.get_by_role("slider", name=name)
        for value in range(1, int(slider.get_attribute("max")) + 1):
            slider.fill(str(value))
            at = [shell.locator(it).bounding_box() for it in (".live-stage", ".live-controls", ".live-buttons")]
            top = shell.bounding_box()["y"]
            places.add(tuple(round(box["y"] + box["height"] - top) for box in at))
    tab.set_viewport_size({"width": 1000, "height": 900})
    assert len(places) == 1


def test_turning_both_changes_no_number_and_says_so(shell):
    before = said(shell)
    shell.get_by_role("button", name="Turn left").click()
    assert shell.locator(".live-sentence").inner_text() == "Both environments turned: all numbers as before."
    assert {key: said(shell)[key] for key in ("a", "b")} == {key: before[key] for key in ("a", "b")}


def test_one_number_is_one(shell):
    shell.get_by_role("slider", name="factors, up to ν =").fill("1")
    assert shell.locator(".live-stage p").inner_text() == "The one number is equal: not told apart."
    shell.get_by_role("button", name="Add a neighbour to b").click()
    assert shell.locator(".live-stage p").inner_text() == "The one number differs: told apart."


def test_words_have_eleven_pixels_on_a_phone(tab):
    assert small_words(tab) == []


def test_turning_changes_no_number(shell):
    before = said(shell)
    for way in ("Turn left", "Turn up"):
        shell.get_by_role("group", name="Turn the view").get_by_role("button", name=way).click()
    assert said(shell) == before


def test_the_degrees_below_the_bars_are_those_of_the_factors():
    rng = np.random.default_rng(0)
    for l_max, tree in data("shell")["trees"].items():
        A, scale = rng.normal(size=(l_max + 1) ** 2), rng.uniform(0.5, 2, l_max + 1)
        scaled = A * np.repeat(scale, 2 * np.arange(l_max + 1) + 1)
        product = so3.symmetric_product(l_max, 4, "0e")
        for (nu, _), B in product(A).items():
            factors = [np.prod(scale[list(degrees)]) for degrees in tree["degrees"][nu - 1]]
            np.testing.assert_allclose(product(scaled)[nu, so3.Irrep.of("0e")][:, 0], factors * B[:, 0], atol=1e-10)
