// Drawing in space, in the style of the still figures: flat fills with dark rims, letters on atoms, seen along z.
//
// A scene is what lies around an origin, seen in parallel projection, which can be turned.  It draws
// when something has changed, and not otherwise.

import {
  AmbientLight, BackSide, BufferAttribute, CanvasTexture, Color, ConeGeometry, CylinderGeometry, DirectionalLight,
  DoubleSide, Group, Line, LineBasicMaterial, LineSegments, BufferGeometry, Mesh, MeshBasicMaterial, MeshLambertMaterial,
  OrthographicCamera, Quaternion, Scene as Space, SphereGeometry, Sprite, SpriteMaterial, SRGBColorSpace, Vector3,
  WebGLRenderer,
} from "three";

const { style } = globalThis.molnetLive;
const RIM = 0.035, BOND = 0.075, TOUCH = 16; // Å, Å, px: a finger or a mouse this near to an atom has it
const BALL = new SphereGeometry(1, 40, 28), ROD = new CylinderGeometry(1, 1, 1, 16, 1, true), TIP = new ConeGeometry(1, 1, 20);
ROD.translate(0, 0.5, 0), TIP.translate(0, 0.5, 0);
const UP = new Vector3(0, 1, 0);

export function elementStyle(symbol) {
  // Of an atom: its fill and its radius in Å.
  return { fill: style.elements[symbol] ?? style.otherElement, radius: style.radii[symbol] ?? style.otherRadius };
}

export class Scene {
  constructor(parent, { reach = [4, 4], label = "" }) {
    // parent: an element; reach: Å from the middle to the right and to the upper edge; label: the text alternative
    this.reach = reach;
    this.canvas = Object.assign(document.createElement("canvas"), { className: "live-canvas" });
    this.canvas.setAttribute("role", "img");
    this.canvas.style.aspectRatio = `${reach[0]} / ${reach[1]}`;
    this.describe(label);
    try {
      this.renderer = new WebGLRenderer({ canvas: this.canvas, antialias: true, alpha: true, preserveDrawingBuffer: true });
    } catch {
      throw Object.assign(new Error("this browser does not draw in space: it offers no WebGL"), { told: true });
    }
    parent.append(this.canvas);
    this.space = new Space();
    this.camera = new OrthographicCamera(-1, 1, 1, -1, -100, 100);
    const sun = new DirectionalLight("#ffffff", 0.9);
    sun.position.set(-0.5, 0.8, 2);
    this.space.add(new AmbientLight("#ffffff", 2.5), sun);
    this.root = new Group(); // what turns
    this.space.add(this.root);
    this.inks = []; // materials in the colour of the page's letters
    this.facing = []; // what has to be done before each drawing
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    new MutationObserver(() => this.draw()).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-mode"] });
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.draw());
    this.targets = []; // molecules whose atoms can be grabbed
    this.#pointers();
    this.draw();
  }

  describe(label) {
    this.canvas.setAttribute("aria-label", label);
  }

  draw() {
    // On the next frame.
    if (!this.waiting) this.waiting = requestAnimationFrame(() => ((this.waiting = 0), this.#now()));
  }

  #now() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    const ratio = Math.min(devicePixelRatio, 2);
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.renderer.setPixelRatio(ratio);
      this.renderer.setSize(width, height, false);
    }
    this.scale = Math.min(width / this.reach[0], height / this.reach[1]) / 2; // px for an Å
    const [x, y] = [width / 2 / this.scale, height / 2 / this.scale];
    Object.assign(this.camera, { left: -x, right: x, top: y, bottom: -y });
    this.camera.updateProjectionMatrix();
    const ink = getComputedStyle(this.canvas).color;
    for (const material of this.inks) material.color.setStyle(ink);
    this.root.updateMatrixWorld();
    const eye = new Vector3(0, 0, 1).applyQuaternion(this.root.quaternion.clone().invert());
    for (const face of this.facing) face(eye);
    this.renderer.render(this.space, this.camera);
  }

  // ---------------------------------------------------------------------------------------------- what can be drawn

  molecule(symbols, bonds = [], { letters = symbols, fills = null, grab = false, radii = null, size = 1 } = {}) {
    // Atoms as balls, bonds as sticks -> {place(x [A, 3] Å), mark(k or null), symbols, x, visible(yes)}.
    // bonds: pairs [[i, j], …]; or null for a bond wherever two atoms are nearer than the sum of their radii [A];
    // size: of the balls, as a share of the usual one.
    const group = new Group(), x = new Float64Array(3 * symbols.length), atoms = [];
    this.root.add(group);
    const rim = new MeshBasicMaterial({ color: style.onColor, side: BackSide });
    const marked = new MeshBasicMaterial({ color: style.highlight, side: BackSide });
    symbols.forEach((symbol, k) => {
      const { fill, radius: usual } = elementStyle(symbol), radius = size * usual;
      const ball = new Mesh(BALL, new MeshLambertMaterial({ color: fills?.[k] ?? fill }));
      ball.scale.setScalar(radius);
      const hull = new Mesh(BALL, rim);
      hull.scale.setScalar(radius + RIM);
      const letter = letters[k] === "" ? null : this.#letter(letters[k], 0.78 * Math.min(2 * radius, 1));
      group.add(ball, hull), letter && group.add(letter);
      atoms.push({ ball, hull, letter, radius });
    });
    const gray = new MeshBasicMaterial({ color: style.gray });
    const sticks = [], stick = (b, i, j) => {
      if (!sticks[b]) group.add((sticks[b] = new Mesh(ROD, gray)));
      sticks[b].visible = true;
      lay(sticks[b], atoms[i].ball.position, atoms[j].ball.position, BOND);
    };
    const near = () => {
      const found = [];
      for (let i = 0; i < symbols.length; i++)
        for (let j = i + 1; j < symbols.length; j++)
          if (atoms[i].ball.position.distanceTo(atoms[j].ball.position) < radii[i] + radii[j]) found.push([i, j]);
      return found;
    };
    const made = {
      symbols, bonds, x, grab, atoms, group,
      place: (positions) => {
        x.set(positions);
        atoms.forEach(({ ball, hull }, k) => {
          ball.position.set(x[3 * k], x[3 * k + 1], x[3 * k + 2]);
          hull.position.copy(ball.position);
        });
        const now = bonds ?? near();
        now.forEach(([i, j], b) => stick(b, i, j));
        for (const left of sticks.slice(now.length)) left.visible = false;
        this.draw();
      },
      mark: (which) => {
        atoms.forEach(({ hull, radius }, k) => {
          hull.material = k === which ? marked : rim;
          hull.scale.setScalar(radius + (k === which ? 3 * RIM : RIM));
        });
        this.draw();
      },
      visible: (yes) => ((group.visible = yes), this.draw()),
    };
    this.facing.push((eye) => {
      for (const { ball, letter, radius } of atoms)
        letter?.position.copy(ball.position).addScaledVector(eye, radius + RIM);
    });
    if (grab) this.targets.push(made);
    return made;
  }

  arrows(n, { color = null, thin = false, broad = false } = {}) {
    // n arrows in the page's ink, or in a colour -> {set(k, start [3], vector [3]), visible(yes)}.
    const group = new Group(), material = new MeshBasicMaterial({ color: color ?? "#000000" });
    if (!color) this.inks.push(material);
    const [shaft, head, length] = thin ? [0.035, 0.11, 0.25] : broad ? [0.12, 0.3, 0.5] : [0.055, 0.16, 0.34];
    const made = Array.from({ length: n }, () => {
      const one = { rod: new Mesh(ROD, material), tip: new Mesh(TIP, material) };
      group.add(one.rod, one.tip);
      one.rod.visible = one.tip.visible = false;
      return one;
    });
    this.root.add(group);
    const from = new Vector3(), to = new Vector3(), neck = new Vector3(), along = new Vector3();
    return {
      group,
      set: (k, start, vector) => {
        const { rod, tip } = made[k], size = Math.hypot(...vector);
        rod.visible = tip.visible = size > 0.02;
        if (size <= 0.02) return;
        from.set(...start), along.set(...vector).divideScalar(size);
        to.copy(from).addScaledVector(along, size);
        const cone = Math.min(length, 0.6 * size);
        neck.copy(to).addScaledVector(along, -cone);
        lay(rod, from, neck, shaft);
        lay(tip, neck, to, (head * cone) / length);
        this.draw();
      },
      visible: (yes) => ((group.visible = yes), this.draw()),
    };
  }

  line(points, { color = null, closed = false, dashed = false } = {}) {
    // A line through points [[x, y, z], …] -> {set(points)}; dashed leaves out every other piece.
    const material = new LineBasicMaterial({ color: color ?? style.gray });
    const geometry = new BufferGeometry(), Kind = dashed ? LineSegments : Line;
    const made = new Kind(geometry, material);
    made.frustumCulled = false;
    const set = (them) => {
      const all = closed ? [...them, them[0]] : them;
      geometry.setAttribute("position", new BufferAttribute(Float32Array.from(all.flat()), 3));
      this.draw();
    };
    set(points);
    this.root.add(made);
    return { set, visible: (yes) => ((made.visible = yes), this.draw()) };
  }

  surface(radius, { positive = "#d9822b", negative = "#2a7fb8", center = [0, 0, 0] } = {}) {
    // Lobes: the points u |f(u)| of all directions u, coloured by the sign of f -> {set(f), at(center)}.
    const geometry = new SphereGeometry(1, 72, 48), directions = geometry.attributes.position.array.slice();
    const n = directions.length / 3, colors = new Float32Array(3 * n), [plus, minus] = [new Color(positive), new Color(negative)];
    geometry.setAttribute("color", new BufferAttribute(colors, 3));
    const material = new MeshLambertMaterial({ vertexColors: true, side: DoubleSide });
    const made = new Mesh(geometry, material);
    made.frustumCulled = false;
    const set = (f) => {
      const at = geometry.attributes.position.array;
      for (let k = 0; k < n; k++) {
        const [x, y, z] = [directions[3 * k], directions[3 * k + 1], directions[3 * k + 2]], value = f(x, y, z);
        const size = Math.abs(value), { r, g, b } = value < 0 ? minus : plus;
        (at[3 * k] = size * x), (at[3 * k + 1] = size * y), (at[3 * k + 2] = size * z);
        (colors[3 * k] = r), (colors[3 * k + 1] = g), (colors[3 * k + 2] = b);
      }
      geometry.attributes.position.needsUpdate = geometry.attributes.color.needsUpdate = true;
      geometry.computeVertexNormals();
      this.draw();
    };
    const at = (where) => (made.position.set(...where), this.draw());
    set(radius), at(center);
    this.root.add(made);
    return { set, at };
  }

  text(words, at = [0, 0, 0], { size = 0.6, color = null } = {}) {
    // Words that face the reader, in the page's ink -> {at([x, y, z])}.
    const made = this.#letter(words, size, color);
    made.renderOrder = 3;
    made.material.depthTest = false;
    this.root.add(made);
    made.position.set(...at);
    return { at: (where) => (made.position.set(...where), this.draw()), visible: (yes) => ((made.visible = yes), this.draw()) };
  }

  #letter(words, size, color = style.onColor) {
    // A sprite with words, `size` Å high
    const paper = document.createElement("canvas"), pen = paper.getContext("2d"), high = 96;
    const font = `${high * 0.72}px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif`;
    pen.font = font;
    paper.width = Math.ceil(pen.measureText(words).width) + 8, paper.height = high;
    Object.assign(pen, { font, textAlign: "center", textBaseline: "middle", fillStyle: "#ffffff" });
    pen.fillText(words, paper.width / 2, high / 2 + 4);
    const map = new CanvasTexture(paper);
    map.colorSpace = SRGBColorSpace;
    const material = new SpriteMaterial({ map, color: color ?? "#000000", depthWrite: false });
    if (!color) this.inks.push(material);
    const sprite = new Sprite(material);
    sprite.scale.set((size * paper.width) / high, size, 1);
    return sprite;
  }

  // ---------------------------------------------------------------------------------------------- turning and grabbing

  turn(about, angle) {
    // By an angle in radians about an axis [3] of the screen.
    this.root.quaternion.premultiply(new Quaternion().setFromAxisAngle(new Vector3(...about), angle));
    this.draw(), this.onturn?.();
  }

  face() {
    // As at the beginning: along z
    this.root.quaternion.identity();
    this.draw(), this.onturn?.();
  }

  inRoot(x, y, z) {
    // A vector of the screen, in the scene's own axes.
    return new Vector3(x, y, z).applyQuaternion(this.root.quaternion.clone().invert()).toArray();
  }

  rotation() {
    // The scene's rotation, 3 x 3, by rows.
    const [x, y, z] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]].map((e) => new Vector3(...e).applyQuaternion(this.root.quaternion));
    return [[x.x, y.x, z.x], [x.y, y.y, z.y], [x.z, y.z, z.z]];
  }

  #hit(event) {
    // The atom that is there: {molecule, k}, or null
    const box = this.canvas.getBoundingClientRect();
    const at = [event.clientX - box.left - box.width / 2, box.height / 2 - (event.clientY - box.top)];
    let found = null, nearest = -Infinity;
    for (const molecule of this.targets)
      molecule.atoms.forEach(({ ball, radius }, k) => {
        const { x, y, z } = ball.getWorldPosition(new Vector3());
        const off = Math.hypot(x * this.scale - at[0], y * this.scale - at[1]);
        if (molecule.group.visible && off < Math.max(radius * this.scale, TOUCH) && z > nearest) {
          found = { molecule, k };
          nearest = z;
        }
      });
    return found;
  }

  #pointers() {
    // A drag of an atom calls ongrab(molecule, k), onpull(molecule, k, [dx, dy, dz] Å since the last) and onrelease();
    // of anything else, it turns the scene.  A touch that is not on an atom still scrolls the page up and down.
    const { canvas } = this;
    let drag = null;
    canvas.addEventListener("touchstart", (event) => this.#hit(event.touches[0]) && event.preventDefault(), { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || drag) return;
      canvas.setPointerCapture(event.pointerId);
      drag = { id: event.pointerId, x: event.clientX, y: event.clientY, hit: this.#hit(event) };
      drag.sure = drag.hit || event.pointerType !== "touch"; // a finger beside the atoms may mean to scroll
      if (drag.hit) this.ongrab?.(drag.hit.molecule, drag.hit.k);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag) return void (canvas.style.cursor = this.#hit(event) ? "grab" : "move");
      if (event.pointerId !== drag.id) return;
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!drag.sure) {
        if (Math.hypot(dx, dy) < 8) return;
        if (Math.abs(dy) > Math.abs(dx)) return void (drag = null);
        drag.sure = true;
      }
      Object.assign(drag, { x: event.clientX, y: event.clientY });
      if (drag.hit) this.onpull?.(drag.hit.molecule, drag.hit.k, this.inRoot(dx / this.scale, -dy / this.scale, 0));
      else if (dx || dy) this.turn([dy / Math.hypot(dx, dy), dx / Math.hypot(dx, dy), 0], 0.01 * Math.hypot(dx, dy));
    });
    const end = (event) => {
      if (event.pointerId !== drag?.id) return;
      if (drag.hit) this.onrelease?.(drag.hit.molecule, drag.hit.k);
      drag = null;
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  }
}

function lay(mesh, from, to, thickness) {
  // A rod or tip from one point to another
  const along = to.clone().sub(from), length = along.length();
  mesh.position.copy(from);
  mesh.quaternion.setFromUnitVectors(UP, along.divideScalar(length || 1));
  mesh.scale.set(thickness, length, thickness);
}
