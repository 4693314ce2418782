"""What turns in the figures on directions turns as `so3` says, and keeps what their text says that it keeps."""

import functools
import json
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from browsing import NODE, copied, live_page, needs_live, said, settled, small_words
from numpy.polynomial import Legendre
from scipy.spatial.transform import Rotation

from dmol_molnet import so3, symmetry

pytestmark = needs_live

SHARED = Path(__file__).parents[1] / "book" / "_live" / "shared"
DEGREES = (1, 2, 3)


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with live_page(tmp_path_factory.mktemp("directions"), "turning", "angle", "coupling") as tab:
        yield tab
        assert tab.faults == []


@pytest.fixture
def figure(tab, request):
    """A figure as at the beginning, by its name."""
    found = tab.locator(f"#live-{request.param}")
    found.get_by_role("button", name="Reset").click()
    return found


turning, angle, coupling = (
    pytest.mark.parametrize("figure", [name], indirect=True) for name in ("turning", "angle", "coupling")
)


def several(text):
    return np.array([float(x) for x in text.split()])


def slide(figure, value):
    figure.get_by_role("slider").first.fill(str(value))


def drag(tab, figure, x, y, dx, dy):
    """From a place of the first canvas, in shares of its width and height, by some pixels."""
    canvas = figure.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    at = box["x"] + x * box["width"], box["y"] + y * box["height"]
    tab.mouse.move(*at)
    tab.mouse.down()
    tab.mouse.move(at[0] + dx, at[1] + dy, steps=3)
    tab.mouse.up()


@functools.cache
def view(name):
    """The rotation to the right, up and to the eye: about y, then about the screen's x."""
    import live_figures

    return Rotation.from_euler("yx", live_figures.figures()[name].data()["view"], degrees=True)


def turn_by_keys(tab, figure, *keys):
    figure.get_by_role("button", name="Turn left").focus()
    for key in keys:
        tab.keyboard.press(key)


# ------------------------------------------------------------------------------------------------ the matrices


def in_node(program):
    """What a program prints as JSON that imports the shared modules of rotations."""
    addresses = {name: json.dumps((SHARED / f"{name}.js").as_uri()) for name in ("turns", "vectors")}
    text = "".join(f"import * as {name} from {address};\n" for name, address in addresses.items()) + program
    done = subprocess.run([NODE, "--input-type=module", "-e", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_its_matrices_are_those_of_so3():
    rotations = [np.eye(3), *map(symmetry.random_rotation, range(20))]
    found = in_node(f"console.log(JSON.stringify({json.dumps([R.tolist() for R in rotations])}.map(turns.wigner)))")
    for R, blocks in zip(rotations, found, strict=True):
        for l, block in enumerate(blocks):
            assert np.abs(block - so3.wigner_d(l, R)).max() < 1e-12


def test_its_rotations_are_rotations_and_stay_so():
    program = """
let R = vectors.ONE;
for (let k = 0; k < 20000; k++) R = vectors.times(vectors.about([k % 3, 1, 2 - (k % 5)], 0.3), R);
const S = vectors.about([1, 2, 2], Math.PI / 3);
console.log(JSON.stringify({ R, S, x: vectors.apply(S, [1, 2, 3]), angle: vectors.angleOf(S) }));
"""
    found = in_node(program)
    R, S = np.array(found["R"]), np.array(found["S"])
    assert np.abs(R @ R.T - np.eye(3)).max() < 1e-14
    assert np.linalg.det(R) == pytest.approx(1)
    assert np.allclose(S @ [1, 2, 2], [1, 2, 2])
    assert np.allclose(found["x"], S @ [1, 2, 3])
    assert found["angle"] == pytest.approx(60)
    # Counterclockwise, seen from the axis' end: the law of the right hand
    v = np.array([1, -0.5, 0])
    assert np.cross(v, S @ v) @ [1, 2, 2] > 0


# ------------------------------------------------------------------------------------------------ turning


def turned(told):
    """Each degree's numbers before, and now; and the rotation."""
    R = np.array(json.loads(told["rotation"]))
    return R, [(several(told[f"before{l}"]), several(told[f"numbers{l}"])) for l in DEGREES]


def follows_the_law(told):
    R, pairs = turned(told)
    assert np.allclose(R @ R.T, np.eye(3), atol=1e-12)
    for l, (before, now) in zip(DEGREES, pairs, strict=True):
        assert np.allclose(now, so3.wigner_d(l, R) @ before, atol=1e-4)
        assert float(told[f"length{l}"]) == pytest.approx(np.linalg.norm(before), abs=1e-5)
    assert float(told["angle"]) == pytest.approx(np.degrees(np.arccos((np.trace(R) - 1) / 2)), abs=1e-3)


@turning
def test_turning_begins_at_60_degrees_about_an_oblique_axis(tab, figure):
    told = said(figure)
    follows_the_law(told)
    assert told["angle"] == "60.000000"
    assert np.allclose(turned(told)[0] @ [1, 2, 2], [1, 2, 2])


@turning
def test_keys_buttons_slider_and_hand_turn_it(tab, figure):
    acts = [
        lambda: turn_by_keys(tab, figure, "ArrowUp", "ArrowRight"),
        lambda: figure.get_by_role("button", name="Turn down").click(),
        lambda: slide(figure, 200),
        lambda: drag(tab, figure, 0.8, 0.2, 40, 25),
    ]
    for act in acts:
        before = said(figure)
        act()
        told = settled(tab, "turning", before, "rotation")
        follows_the_law(told)
        for l in DEGREES:
            assert told[f"before{l}"] == before[f"before{l}"]
            assert told[f"length{l}"] == before[f"length{l}"]
            assert told[f"numbers{l}"] != before[f"numbers{l}"]


@turning
def test_keys_turn_about_the_axes_as_they_are_drawn(tab, figure):
    R = turned(said(figure))[0]
    turn_by_keys(tab, figure, "ArrowRight")
    step = turned(said(figure))[0] @ R.T  # five degrees about y: what is in front goes to the right
    assert np.allclose(step @ [0, 1, 0], [0, 1, 0])
    assert (step @ [0, 0, 1])[0] == pytest.approx(np.sin(np.radians(5)))


@turning
def test_a_drag_turns_about_an_axis_of_the_screen(tab, figure):
    R = turned(said(figure))[0]
    drag(tab, figure, 0.8, 0.2, 30, 0)  # about the vertical: what is seen as up stays
    step = turned(said(figure))[0] @ R.T
    up = view("turning").inv().apply([0, 1, 0])
    assert np.allclose(step @ up, up)


@turning
def test_not_turned_nothing_is_mixed(tab, figure):
    slide(figure, 0)
    told = said(figure)
    assert float(told["angle"]) == pytest.approx(0, abs=1e-5)
    for l in DEGREES:
        assert np.allclose(several(told[f"numbers{l}"]), several(told[f"before{l}"]), atol=1e-5)


@turning
def test_a_direction_along_z_has_m_0_alone_and_spreads_over_its_degree(tab, figure):
    figure.get_by_label("one direction").check()
    R, pairs = turned(said(figure))
    for l, (before, now) in zip(DEGREES, pairs, strict=True):
        assert np.flatnonzero(before).tolist() == [l]
        assert np.allclose(now, so3.spherical_harmonics(l, R[:, 2])[l * l :], atol=1e-5)
        assert np.count_nonzero(abs(now) > 1e-3) > l


@turning
def test_turning_gives_python_that_prints_its_numbers(tab, figure):
    for what in ("methanol", "one direction"):
        figure.get_by_label(what, exact=True).check()
        turn_by_keys(tab, figure, "ArrowUp")
        pairs = turned(said(figure))[1]
        for (_, now), theirs in zip(pairs, copied(figure)[0][0], strict=True):
            assert np.allclose(now, theirs, atol=1e-4)


@turning
def test_lobes_are_of_the_degree_that_is_chosen(tab, figure):
    for l in (3, 1):
        figure.get_by_label(f"l = {l}", exact=True).check()
        assert said(figure)["degree"] == str(l)
        label = figure.locator("canvas").nth(1).get_attribute("aria-label")
        numbers = [float(x.replace("−", "-")) for x in label.split(":")[1].split()]
        assert np.allclose(numbers, several(said(figure)[f"numbers{l}"]), atol=0.006)


# ------------------------------------------------------------------------------------------------ angle


def on_the_curve(told):
    a, b, l = several(told["a"]), several(told["b"]), int(told["degree"])
    assert np.allclose([a @ a, b @ b], 1, atol=1e-5)
    products = np.prod(so3.spherical_harmonics(l, np.stack([a, b]))[:, l * l :], axis=0)
    assert np.allclose(several(told["products"]), products, atol=1e-4)
    law = (2 * l + 1) * Legendre.basis(l)(a @ b)
    assert float(told["sum"]) == pytest.approx(law, abs=1e-4)
    assert float(told["law"]) == pytest.approx(law, abs=1e-4)
    assert np.cos(np.radians(float(told["angle"]))) == pytest.approx(a @ b, abs=1e-5)


@angle
def test_angle_begins_with_the_two_neighbours_of_the_chapter(tab, figure):
    told = said(figure)
    on_the_curve(told)
    assert float(told["sum"]) == pytest.approx(5 * 0.04, abs=1e-6)
    assert float(told["angle"]) == pytest.approx(np.degrees(np.arccos(-0.6)), abs=1e-5)


@angle
def test_turning_both_changes_the_products_but_not_their_sum(tab, figure):
    for l in DEGREES:
        figure.get_by_label(f"l = {l}", exact=True).check()
        for act in (
            lambda: turn_by_keys(tab, figure, "ArrowLeft", "ArrowDown"),
            lambda: drag(tab, figure, 0.9, 0.9, -30, 20),
        ):
            before = said(figure)
            act()
            told = settled(tab, "angle", before, "products")
            on_the_curve(told)
            assert told["sum"] == before["sum"]


@angle
def test_the_angle_is_slid(tab, figure):
    for l in DEGREES:
        figure.get_by_label(f"l = {l}", exact=True).check()
        for degrees in (0, 45, 180, 90):  # after 0 and 180, any perpendicular direction will do
            slide(figure, degrees)
            told = said(figure)
            assert float(told["angle"]) == pytest.approx(degrees, abs=1e-4)
            on_the_curve(told)


@angle
def test_one_direction_is_moved_by_keys_and_by_hand(tab, figure):
    before = said(figure)
    figure.get_by_role("button", name="b", exact=True).focus()
    for key in ("ArrowUp", "PageUp"):
        tab.keyboard.press(key)
    told = said(figure)
    assert told["a"] == before["a"]
    assert told["b"] != before["b"]
    on_the_curve(told)
    x, y = view("angle").apply(several(told["a"]))[:2] / 2.75
    drag(tab, figure, 0.5 + x, 0.5 - y, 20, 40)
    moved = settled(tab, "angle", told, "a")
    assert moved["b"] == told["b"]
    on_the_curve(moved)
    assert figure.get_by_role("slider").input_value() == f"{float(moved['angle']):.0f}"


@angle
def test_angle_gives_python_that_prints_its_numbers(tab, figure):
    figure.get_by_label("l = 3", exact=True).check()
    told = said(figure)
    assert np.allclose(copied(figure)[0], [float(told["sum"]), float(told["law"])], atol=1e-5)


# ------------------------------------------------------------------------------------------------ coupling


def products(told):
    return [several(told[f"product{l}"]) for l in range(3)]


def is_coupled(told):
    """Against numpy alone: dot, cross, and the symmetric traceless part of a bᵀ; and the squares of all nine."""
    a, b = several(told["a"]), several(told["b"])
    zero, one, two = products(told)
    S = (np.outer(a, b) + np.outer(b, a)) / 2 - a @ b / 3 * np.eye(3)
    five = [2**0.5 * S[0, 1], 2**0.5 * S[1, 2], 1.5**0.5 * S[2, 2], 2**0.5 * S[0, 2], (S[0, 0] - S[1, 1]) / 2**0.5]
    assert np.allclose(zero, a @ b / 3**0.5, atol=1e-5)
    assert np.allclose(one, np.cross(a, b)[[1, 2, 0]] / 2**0.5, atol=1e-5)
    assert np.allclose(two, five, atol=1e-5)
    for l in range(3):
        C = (2 * l + 1) ** 0.5 * so3.clebsch_gordan(1, 1, l)
        expected = np.einsum("ijk,i,j->k", C, a[[1, 2, 0]], b[[1, 2, 0]])
        assert np.allclose(products(told)[l], expected, atol=1e-5)
        assert float(told[f"squares{l}"]) == pytest.approx(expected @ expected, abs=1e-5)
    assert float(told["dot"]) == pytest.approx(a @ b, abs=1e-5)
    assert np.allclose(several(told["cross"]), np.cross(a, b), atol=1e-5)
    assert sum(float(told[f"squares{l}"]) for l in range(3)) == pytest.approx(a @ a * (b @ b), abs=1e-4)
    assert float(told["whole"]) == pytest.approx(a @ a * (b @ b), abs=1e-4)


@coupling
def test_vectors_are_moved_by_keys_and_by_hand(tab, figure):
    before = said(figure)
    is_coupled(before)
    figure.get_by_role("button", name="a", exact=True).focus()
    for key in ("ArrowLeft", "ArrowDown", "PageUp"):
        tab.keyboard.press(key)
    told = said(figure)
    assert np.allclose(several(told["a"]) - several(before["a"]), [-0.1, -0.1, 0.1])
    is_coupled(told)
    x, y = view("coupling").apply(several(told["b"]))[:2] * 0.8 / 4.4
    drag(tab, figure, 0.5 + x, 0.5 - y, -15, 10)
    moved = settled(tab, "coupling", told, "b")
    assert moved["a"] == told["a"]
    # It went with the hand, and neither nearer nor farther.
    by = view("coupling").apply(several(moved["b"]) - several(told["b"]))
    assert by / np.linalg.norm(by) == pytest.approx(np.array([-15, -10, 0]) / np.hypot(15, 10), abs=1e-3)
    is_coupled(moved)


@coupling
def test_equal_vectors_have_no_cross_product_perpendicular_ones_no_dot_product(tab, figure):
    figure.get_by_role("button", name="b ⊥ a").click()
    told = said(figure)
    is_coupled(told)
    assert np.allclose(products(told)[0], 0)
    assert float(told["angle"]) == pytest.approx(90)
    figure.get_by_role("button", name="b = a").click()
    told = said(figure)
    is_coupled(told)
    assert np.allclose(products(told)[1], 0)
    assert np.linalg.norm(products(told)[2]) > 1
    figure.get_by_role("button", name="b ⊥ a").click()  # of equal ones, too
    told = said(figure)
    is_coupled(told)
    assert float(told["angle"]) == pytest.approx(90)


@coupling
def test_turned_together_each_product_turns_by_its_own_matrix(tab, figure):
    for act in (
        lambda: turn_by_keys(tab, figure, "ArrowUp", "ArrowUp", "ArrowLeft"),
        lambda: drag(tab, figure, 0.1, 0.9, 35, -20),
        lambda: figure.get_by_role("button", name="Turn right").click(),
    ):
        before = said(figure)
        act()
        told = settled(tab, "coupling", before, "a")
        is_coupled(told)
        # The rotation, from what it did to a, b and a x b
        was, now = (np.array([several(it[key]) for key in ("a", "b", "cross")]) for it in (before, told))
        U, _, V = np.linalg.svd(np.linalg.solve(was, now).T)
        R = U @ V  # rid of six digits' rounding
        for l in range(3):
            assert np.allclose(products(told)[l], so3.wigner_d(l, R) @ products(before)[l], atol=1e-4)
            assert told[f"squares{l}"] == pytest.approx(before[f"squares{l}"])
        assert told["dot"] == before["dot"]


@coupling
def test_no_vector_grows_out_of_the_picture_and_zero_is_no_fault(tab, figure):
    figure.get_by_role("button", name="a", exact=True).focus()
    for _ in range(8):
        tab.keyboard.press("ArrowRight")
    assert np.linalg.norm(several(said(figure)["a"])) == pytest.approx(1.6)
    figure.get_by_role("button", name="Reset").click()
    figure.get_by_role("button", name="a", exact=True).focus()
    for key in ["ArrowLeft"] * 14 + ["ArrowDown"] * 2 + ["PageDown"] * 3:
        tab.keyboard.press(key)
    told = said(figure)
    assert np.allclose(several(told["a"]), 0, atol=1e-6)
    assert told["angle"] == "none"
    assert np.allclose(np.concatenate(products(told)), 0)
    figure.get_by_role("button", name="b ⊥ a").click()
    figure.get_by_role("button", name="b = a").click()
    assert not re.search("NaN|Infinity", json.dumps(said(figure)))


@coupling
def test_coupling_gives_python_that_prints_its_numbers(tab, figure):
    figure.get_by_role("button", name="a", exact=True).focus()
    tab.keyboard.press("ArrowLeft")
    for here, theirs in zip(products(said(figure)), copied(figure)[0][0], strict=True):
        assert np.allclose(here, theirs, atol=1e-5)


# ------------------------------------------------------------------------------------------------ all


def test_what_is_seen_has_names_and_fits_a_phone(tab):
    names = tab.locator(".live-figure :is(canvas, .live-stage svg)").evaluate_all("all => all.map(it => it.ariaLabel)")
    assert len(names) == 11
    assert all(names)
    ids = tab.locator("[id]").evaluate_all("all => all.map(it => it.id)")
    assert len(ids) == len(set(ids))
    tab.set_viewport_size({"width": 390, "height": 800})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.set_viewport_size({"width": 1000, "height": 900})


def test_what_a_reader_did_is_told(tab):
    figure = tab.locator("#live-turning")
    figure.get_by_role("button", name="Reset").click()
    turn_by_keys(tab, figure, "ArrowUp")
    tab.wait_for_function("document.querySelector('#live-turning .live-sentence').textContent.includes('still 25.17')")


@turning
def test_what_has_not_changed_is_not_called_other(tab, figure):
    figure.get_by_label("one direction").check()
    slide(figure, 40)
    assert "°: other numbers of l = 2" in figure.locator(".live-sentence").inner_text()
    slide(figure, 40)
    assert "°: the same numbers of l = 2" in figure.locator(".live-sentence").inner_text()
    slide(figure, 0)
    assert figure.locator(".live-sentence").inner_text().startswith("Not turned: each matrix is the identity")
    told = said(figure)
    now, before = ([float(x) for x in told[key].replace("\u2212", "-").split()] for key in ("numbers2", "before2"))
    assert now == before


@turning
def test_on_a_phone_one_matrix_is_seen_and_its_room_does_not_change(tab, figure):
    tab.set_viewport_size({"width": 390, "height": 800})
    heights = set()
    for l in DEGREES:
        figure.get_by_label(f"l = {l}", exact=True).check()
        (shown,) = figure.locator(".live-one > svg:visible").all()
        assert shown.get_attribute("aria-label").startswith(f"The matrix of degree {l}")
        heights.add(figure.locator(".live-stage").bounding_box()["height"])
    tab.set_viewport_size({"width": 1000, "height": 900})
    assert len(heights) == 1
    assert figure.locator(".live-one > svg:visible").count() == 3


def test_words_have_eleven_pixels_on_a_phone(tab):
    assert small_words(tab) == []
