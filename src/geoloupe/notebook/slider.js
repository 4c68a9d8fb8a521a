// Two pictures of one place with a slider between them: drag, arrow keys, wheel to zoom, F to flicker.

const NUDGE = 2; // hundredths that an arrow key moves the slider
const MAX_ZOOM = 64;

export default { render };

function render({ model, el }) {
  const root = element(el, "div", "geoloupe-slider");
  root.tabIndex = 0;
  root.setAttribute("role", "slider");
  root.setAttribute("aria-valuemin", "0");
  root.setAttribute("aria-valuemax", "100");
  root.setAttribute("aria-label", `${model.get("names").join(" beside ")}`);
  const right = picture(root, model, "right");
  const left = picture(root, model, "left");
  const bar = element(root, "div", "bar");
  const labels = model.get("names").map((name, place) => {
    const label = element(root, "span", place === 0 ? "name left" : "name right");
    label.textContent = name;
    return label;
  });

  let share = 50, zoom = 1, x = 0, y = 0, flickering = false;

  function draw() {
    const moved = `translate(${x}px, ${y}px) scale(${zoom})`;
    for (const image of [left, right]) image.style.transform = moved;
    const width = root.clientWidth, height = root.clientHeight;
    const at = (share / 100) * width;
    // The clip is of the picture before it is moved.
    const edge = (at - x) / zoom;
    left.style.clipPath = flickering
      ? "inset(0 100% 0 0)"
      : `inset(0 ${Math.max(width - edge, 0)}px 0 0)`;
    bar.style.left = `${at}px`;
    bar.hidden = flickering;
    labels[0].hidden = flickering;
    labels[1].hidden = false;
    root.setAttribute("aria-valuenow", String(Math.round(share)));
    root.dataset.height = String(height);
  }

  function slideTo(event) {
    const box = root.getBoundingClientRect();
    share = clamp(((event.clientX - box.left) / box.width) * 100, 0, 100);
    draw();
  }

  let dragging = null;
  root.addEventListener("pointerdown", (event) => {
    root.setPointerCapture(event.pointerId);
    const box = root.getBoundingClientRect();
    const near = Math.abs(event.clientX - box.left - (share / 100) * box.width) < 24;
    dragging = near || zoom === 1 ? "bar" : { x: event.clientX - x, y: event.clientY - y };
    if (dragging === "bar") slideTo(event);
  });
  root.addEventListener("pointermove", (event) => {
    if (dragging === null) return;
    if (dragging === "bar") return slideTo(event);
    move(event.clientX - dragging.x, event.clientY - dragging.y);
  });
  root.addEventListener("pointerup", () => (dragging = null));
  root.addEventListener("pointercancel", () => (dragging = null));
  root.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = root.getBoundingClientRect();
    zoomAt(event.clientX - box.left, event.clientY - box.top, event.deltaY < 0 ? 2 : 0.5);
  }, { passive: false });
  root.addEventListener("keydown", (event) => {
    const keys = {
      ArrowLeft: () => (share = clamp(share - NUDGE, 0, 100)),
      ArrowRight: () => (share = clamp(share + NUDGE, 0, 100)),
      "+": () => zoomAt(root.clientWidth / 2, root.clientHeight / 2, 2),
      "-": () => zoomAt(root.clientWidth / 2, root.clientHeight / 2, 0.5),
      0: () => ((zoom = 1), (x = y = 0)),
      f: () => (flickering = !flickering),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has keys of its own
    act();
    draw();
  });

  function zoomAt(left, top, factor) {
    const next = clamp(zoom * factor, 1, MAX_ZOOM);
    const real = next / zoom;
    zoom = next;
    move(left - (left - x) * real, top - (top - y) * real);
  }

  function move(left, top) {
    x = clamp(left, root.clientWidth * (1 - zoom), 0);
    y = clamp(top, root.clientHeight * (1 - zoom), 0);
    draw();
  }

  const sized = new ResizeObserver(() => move(x, y));
  sized.observe(root);
  draw();
  return () => sized.disconnect();
}

function picture(root, model, side) {
  const image = element(root, "img", side);
  const [width, height] = model.get("size");
  root.style.aspectRatio = `${width} / ${height}`;
  root.style.maxWidth = `${model.get("width")}px`;
  image.alt = model.get("names")[side === "left" ? 0 : 1];
  image.draggable = false;
  image.src = URL.createObjectURL(new Blob([model.get(side)], { type: "image/png" }));
  return image;
}

function element(parent, kind, name) {
  const made = document.createElement(kind);
  made.className = name;
  parent.append(made);
  return made;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
