// <live-events data-stream> hears what happens and shows the parts of the page anew that it concerns: an element with an
// id and `data-live="job deployment"` for these nouns, `data-live="*"` for all. Pages are whole without it.
// One stream for each tab: closed while the tab is hidden, opened again after the last event that was seen.
const GATHER_MS = 700;

class LiveEvents extends HTMLElement {
  #source = null;
  #last = null;
  #nouns = new Set();
  #timer = null;

  connectedCallback() {
    // A page with a log follows the log only: browsers open few connections to one server.
    if (document.querySelector("live-log") || !document.querySelector("[data-live]")) return;
    document.addEventListener("visibilitychange", this.#follow);
    addEventListener("pagehide", this.#close);
    addEventListener("pageshow", this.#follow);
    this.#follow();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#follow);
    removeEventListener("pagehide", this.#close);
    removeEventListener("pageshow", this.#follow);
    this.#close();
  }

  #follow = () => {
    if (document.hidden) {
      this.#close();
      return;
    }
    if (this.#source && this.#source.readyState !== EventSource.CLOSED) return;
    const place = this.#last === null ? "" : `?after=${encodeURIComponent(this.#last)}`;
    this.#source = new EventSource(this.dataset.stream + place);
    this.#source.addEventListener("head", (event) => {
      this.#last ??= event.lastEventId;
      this.#say("live");
    });
    this.#source.addEventListener("change", (event) => {
      this.#last = event.lastEventId;
      this.#gather(JSON.parse(event.data).action);
    });
    this.#source.addEventListener("error", () => this.#say("reconnecting"));
  };

  #close = () => {
    this.#source?.close();
    this.#source = null;
  };

  #say(state) {
    this.dataset.state = state;
    this.textContent = state;
  }

  #gather(action) {
    this.#nouns.add(action.split(".", 1)[0]);
    this.#timer ??= setTimeout(() => this.#refresh(), GATHER_MS);
  }

  #refresh() {
    this.#timer = null;
    const concerned = (part) => part.dataset.live.split(" ").some((noun) => noun === "*" || this.#nouns.has(noun));
    const parts = [...document.querySelectorAll("[data-live][id]")].filter(concerned);
    // Nothing is taken from under somebody who types, or has opened something.
    if (parts.some((part) => part.contains(document.activeElement) || part.querySelector("details[open]"))) {
      this.#timer = setTimeout(() => this.#refresh(), 4 * GATHER_MS);
      return;
    }
    this.#nouns.clear();
    for (const part of parts) {
      const place = `#${CSS.escape(part.id)}`;
      htmx.ajax("GET", location.pathname + location.search, {
        target: part, select: place, swap: "outerHTML", headers: { "Modelyard-Live": "true" },
      });
    }
  }
}
customElements.define("live-events", LiveEvents);
