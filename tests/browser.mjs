// The part of a browser that the script of a page needs, for tests.browser.
//
// Reads a page as a tree, its address, its script and what a person does; answers what that
// person then sees. Requests are real; so is the language. Everything else is as plain as
// the script allows: what it does not use is not here and fails loudly.
import { readFileSync } from "node:fs";
import vm from "node:vm";

const { tree, url, script, language, actions } = JSON.parse(readFileSync(0, "utf8"));

class Element {
  constructor({ tag, attributes, children }, parent) {
    this.tag = tag;
    this.attributes = attributes;
    this.parent = parent;
    this.children = children.map((child) =>
      typeof child === "string" ? child : new Element(child, this),
    );
    this.listeners = {};
    this.dataset = {};
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("data-")) this.dataset[name.slice(5)] = value;
    }
    this.value = "";
    this.checked = false;
    this.disabled = false;
  }
  get id() { return this.attributes.id; }
  get name() { return this.attributes.name; }
  get autocomplete() { return this.attributes.autocomplete ?? ""; }
  get type() { return this.attributes.type; }
  set type(kind) { this.attributes.type = kind; }
  get hidden() { return "hidden" in this.attributes; }
  set hidden(is) {
    if (is) this.attributes.hidden = "";
    else delete this.attributes.hidden;
  }
  setAttribute(name, value) { this.attributes[name] = value; }
  removeAttribute(name) { delete this.attributes[name]; }
  addEventListener(kind, listener) { (this.listeners[kind] ??= []).push(listener); }
  get isVisible() { return !this.hidden && (this.parent?.isVisible ?? true); }
  focus() {
    if (this.isVisible && !this.disabled) document.activeElement = this;
  }
  reset() {
    for (const input of this.querySelectorAll("input")) {
      input.value = "";
      input.checked = false;
    }
  }
  get textContent() {
    return this.children.map((c) => (typeof c === "string" ? c : c.textContent)).join("");
  }
  set textContent(text) { this.children = text ? [text] : []; }
  *all() {
    yield this;
    for (const child of this.children) if (typeof child !== "string") yield* child.all();
  }
  querySelectorAll(selector) {
    const [, tag, attribute] = /^(\w+)(?:\[(\w+)\])?$/.exec(selector);
    return [...this.all()].filter(
      (each) => each.tag === tag && (!attribute || attribute in each.attributes),
    );
  }
  get shown() {
    if (this.hidden || ["head", "script"].includes(this.tag)) return "";
    return this.children.map((c) => (typeof c === "string" ? c : c.shown)).join("");
  }
  fire(kind) {
    const event = { preventDefault() { this.isPrevented = true; } };
    return Promise.all((this.listeners[kind] ?? []).map((listener) => listener(event))).then(
      () => event,
    );
  }
}

const address = new URL(url);
const root = new Element(tree, null);
const requests = [];
const document = {
  activeElement: null,
  getElementById: (id) => [...root.all()].find((each) => each.id === id) ?? null,
};
const history = { replaceState: (_state, _title, to) => { address.href = new URL(to, address).href; } };
const listeners = {};
let isOffline = false;

function fetchAsBrowser(to, { headers, ...rest }) {
  const target = new URL(to, address);
  requests.push({ url: target.href, credentials: rest.credentials, ...JSON.parse(rest.body) });
  if (isOffline) return Promise.reject(new TypeError("Failed to fetch"));
  const own = { "Accept-Language": language, Origin: address.origin };
  return fetch(target, { ...rest, headers: { ...headers, ...own } });
}

const doing = {
  async type(id, value) { document.getElementById(id).value = value; },
  async check(id) {
    const box = document.getElementById(id);
    box.checked = !box.checked;
    await box.fire("change");
  },
  async send(times = 1) {
    const form = root.querySelectorAll("form")[0];
    const sent = await Promise.all(Array.from({ length: times }, () => form.fire("submit")));
    if (!sent.every((event) => event.isPrevented)) throw new Error("the browser would send the form");
  },
  async follow(hash) {
    address.hash = hash;
    await Promise.all((listeners.hashchange ?? []).map((listener) => listener()));
  },
  async unplug() { isOffline = true; },
};

vm.runInNewContext(script, {
  document,
  history,
  location: address,
  window: { addEventListener: (kind, listener) => (listeners[kind] ??= []).push(listener) },
  fetch: fetchAsBrowser,
});
for (const [verb, ...rest] of actions) await doing[verb](...rest);

const fields = [...root.all()].filter((each) => each.tag === "input" && each.name);
process.stdout.write(
  JSON.stringify({
    address: address.href,
    shown: root.shown.split("\n").map((line) => line.trim()).filter(Boolean),
    focus: document.activeElement?.id ?? null,
    invalid: fields.filter((each) => each.attributes["aria-invalid"] === "true").map((each) => each.id),
    typed: Object.fromEntries(fields.map((each) => [each.id, each.value])),
    kinds: Object.fromEntries(fields.map((each) => [each.id, each.type])),
    requests,
  }),
);
