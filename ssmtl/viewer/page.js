const SVG = "http://www.w3.org/2000/svg";
const at = (id) => document.getElementById(id);
const drop = at("drop"), file = at("file"), picture = at("picture"), opacity = at("opacity"), choice = at("class"), set = at("set");
let asked = 0, maps = [], layer = null;

function element(parent, name, text = "", attributes = {}, space = null) {
  const one = space ? document.createElementNS(space, name) : document.createElement(name);
  one.textContent = text;
  for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
  parent.append(one);
  return one;
}

function say(id, text) {
  at(id).textContent = text;
  at(id).hidden = text === "";
}

// The answer to a request, or an Error whose message can be shown.
async function fetched(address, options) {
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Error("The viewer does not answer. Has ssmtl view ended?");
  }
  let content = {};
  try {
    content = await answer.json();
  } catch {
    content.error = `The viewer answered ${answer.status}. Open the address that ssmtl view printed again.`;
  }
  if (!answer.ok) throw new Error(content.error);
  return content;
}

// One image is shown at a time: an answer that another request has overtaken is dropped.
async function show(name, address, options) {
  const own = ++asked;
  say("problem", "");
  say("state", `Predicting ${name} …`);
  try {
    const found = await fetched(address, options);
    if (own === asked) draw(name, found);
  } catch (error) {
    if (own !== asked) return;
    at("result").hidden = true;
    say("problem", `${name}: ${error.message}`);
    at("problem").scrollIntoView({ block: "nearest" });
  } finally {
    if (own === asked) say("state", "");
  }
}

function send(image) {
  mark(null);
  if (!image) return;
  if (image.size > Number(drop.dataset.largest)) {
    asked++;
    at("result").hidden = true;
    say("state", "");
    say("problem", `${image.name}: the file is larger than ${drop.dataset.mib} MiB; --max-upload of ssmtl view sets this limit`);
    return;
  }
  show(image.name, "/predict", { method: "POST", body: image, headers: { "Content-Type": "application/octet-stream" } });
}

function draw(name, found) {
  at("result").hidden = false;
  at("name").textContent = name;
  at("facts").textContent = `${found.width} × ${found.height} pixels` + (found.spacing ? `, ${found.spacing}` : "");
  say("note", found.note ?? "");
  picture.replaceChildren();
  picture.setAttribute("viewBox", `0 0 ${found.width} ${found.height}`);
  const whole = { width: found.width, height: found.height, preserveAspectRatio: "none" };
  element(picture, "image", "", { ...whole, href: found.image }, SVG);
  layer = element(picture, "image", "", whole, SVG);
  for (const one of found.structures) if (one.true_path !== null) element(picture, "path", "", { class: "reference", d: one.true_path }, SVG);
  for (const one of found.structures) element(picture, "path", "", { class: kind(one), d: one.path, stroke: one.colour }, SVG);
  legend(found.structures);
  at("boundaries").closest("div").hidden = found.structures.length === 0;
  maps = found.saliency;
  at("saliency").hidden = maps.length === 0;
  choice.replaceChildren();
  for (const one of maps) element(choice, "option", `${one.task}: ${one.name}`).selected = one.shown;
  const shown = maps.findIndex((one) => one.shown);
  choice.selectedIndex = Math.max(shown, 0);
  cover();
  const numbers = at("numbers");
  numbers.replaceChildren();
  found.labels.forEach((one) => bars(numbers, one));
  found.numbers.forEach((one) => values(numbers, one));
  if (found.structures.length) areas(numbers, found.structures);
  at("name").scrollIntoView({ block: "nearest" });
}

const kind = (one) => (one.true_path === null ? "predicted" : "predicted beside");

function legend(structures) {
  const place = at("legend");
  place.replaceChildren();
  const entry = (text, attributes) => {
    const one = element(place, "span");
    const line = element(one, "svg", "", { viewBox: "0 0 28 12", "aria-hidden": "true" }, SVG);
    element(line, "path", "", { d: "M2 6L26 6", fill: "none", "stroke-width": 2, ...attributes }, SVG);
    one.append(text);
  };
  for (const one of structures) entry(one.name, { stroke: one.colour, "stroke-dasharray": one.true_path === null ? "none" : "7 5" });
  if (structures.some((one) => one.true_path !== null)) entry("reference", { stroke: "#ffffff" });
}

function cover() {
  const one = maps[choice.selectedIndex];
  if (one) layer?.setAttribute("href", one.image);
  layer?.setAttribute("opacity", opacity.value / 100);
  at("percent").textContent = `${opacity.value} %`;
}

function bars(place, one) {
  const head = element(place, "h3", `${one.task}: ${one.decision.replaceAll("|", ", ")}`);
  const known = one.classes.filter((each) => each.true).map((each) => each.name);
  if (one.classes.some((each) => each.true !== null)) element(head, "em", ` (reference: ${known.join(", ") || "none"})`);
  const decided = new Set(one.decision.split("|"));
  for (const each of one.classes) {
    const row = element(place, "div", "", { class: decided.has(each.name) ? "bar chosen" : "bar" });
    element(row, "span", each.name);
    const line = element(row, "svg", "", { viewBox: "0 0 100 16", preserveAspectRatio: "none", "aria-hidden": "true" }, SVG);
    element(line, "rect", "", { class: "track", width: 100, height: 16, "vector-effect": "non-scaling-stroke" }, SVG);
    element(line, "rect", "", { class: "length", width: 100 * each.probability, height: 16 }, SVG);
    if (each.from !== null) {
      const x = 100 * each.from;
      element(line, "path", "", { class: "from", d: `M${x} -3L${x} 19`, "vector-effect": "non-scaling-stroke" }, SVG);
    }
    element(row, "span", each.probability.toFixed(3));
    if (each.from !== null) element(place, "p", `${each.name} is decided from ${each.from.toPrecision(3)} on (the line).`, { class: "note" });
  }
}

function table(place, title, heads, rows) {
  element(place, "h3", title);
  const one = element(element(place, "div", "", { class: "wide" }), "table");
  const head = element(element(one, "thead"), "tr");
  heads.forEach((text, number) => element(head, "th", text, { scope: "col", class: number ? "number" : "" }));
  const body = element(one, "tbody");
  for (const row of rows) {
    const line = element(body, "tr");
    row.forEach((text, number) => element(line, number ? "td" : "th", text, number ? { class: "number" } : { scope: "row" }));
  }
}

function values(place, one) {
  const known = one.values.some((each) => each.true !== null);
  const rows = one.values.map((each) => [each.name, short(each.value), ...(known ? [short(each.true)] : [])]);
  table(place, one.task, ["number", "predicted", ...(known ? ["reference"] : [])], rows);
}

function areas(place, structures) {
  const known = structures.some((one) => one.true_pixels !== null), sized = structures.some((one) => one.mm2 !== null);
  const rows = structures.map((one) => [
    one.name, whole(one.pixels), `${(100 * one.share).toFixed(1)} %`,
    ...(sized ? [one.mm2 === null ? "–" : whole(one.mm2)] : []),
    ...(known ? [one.true_pixels === null ? "–" : whole(one.true_pixels)] : []),
  ]);
  table(place, "Areas", ["structure", "pixels", "of image", ...(sized ? ["mm²"] : []), ...(known ? ["reference, pixels"] : [])], rows);
}

const short = (value) => (value === null ? "–" : String(Number(value.toPrecision(4))));
const whole = (value) => Math.round(value).toLocaleString("en");

function mark(button) {
  for (const one of document.querySelectorAll("#images button[aria-current]")) one.removeAttribute("aria-current");
  button?.setAttribute("aria-current", "true");
}

async function list(start) {
  const { task, domain } = set.selectedOptions[0].dataset, chosen = set.selectedIndex;
  if (start === 0) at("images").replaceChildren();
  try {
    const found = await fetched(`/ranking?${new URLSearchParams({ task, domain, start })}`);
    if (chosen !== set.selectedIndex || at("images").children.length !== start) return;
    at("measure").textContent = `The worst first, by ${found.measure}.`;
    for (const one of found.images) {
      const button = element(element(at("images"), "li"), "button", "", { type: "button" });
      element(button, "b", one.id);
      element(button, "i", one.wrong === null ? "–" : one.wrong.toFixed(3));
      const person = one.patient === one.id ? "" : one.patient;
      element(button, "small", [one.said, person && `patient ${person}`].filter(Boolean).join("; "));
      button.addEventListener("click", () => {
        mark(button);
        show(one.id, `/test-image?${new URLSearchParams({ task, domain, id: one.id })}`);
      });
    }
    at("more").hidden = at("images").children.length >= found.of;
  } catch (error) {
    say("problem", error.message);
  }
}

file.addEventListener("change", () => {
  send(file.files[0]);
  file.value = "";
});
for (const name of ["dragenter", "dragover"]) addEventListener(name, (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) drop.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  send(event.dataTransfer.files[0]);
});
opacity.addEventListener("input", cover);
choice.addEventListener("change", cover);
at("boundaries").addEventListener("change", (event) => picture.classList.toggle("bare", !event.target.checked));
if (set) {
  set.addEventListener("change", () => list(0));
  at("more").addEventListener("click", () => list(at("images").children.length));
  list(0);
}
history.replaceState(null, "", "/"); // the token leaves the address bar; the cookie has it
cover();
