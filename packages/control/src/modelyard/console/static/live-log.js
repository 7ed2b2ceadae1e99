// <live-log src="…"> shows a window of a log: the last lines as they come, or those around the line that the page's
// address names (#at-1234: the byte where the line ends). Earlier lines are read range by range, so that a log may have
// any length. The stream is closed while the page is hidden, and goes on where it was.
const MOST_LINES = 5000;
const RANGE_BYTES = 256 * 1024;
const GATHER_MS = 50;
const AGAIN_MS = 2000;
const LONGEST_AGAIN_MS = 60_000;
const NEAR_THE_END_PX = 24;
const LINE = /[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g;
const NAMED = /^#at-(\d{1,15})$/;
const utf8 = new TextEncoder();

class LiveLog extends HTMLElement {
  #stream = null;
  #again = null;
  #wait = AGAIN_MS;
  #arrived = [];
  #seen = 0;
  #isOver = false;
  #isFollowing = false;

  connectedCallback() {
    this.lines = this.querySelector("pre");
    this.said = this.querySelector("[data-said]");
    this.earlier = this.querySelector("[data-earlier]");
    this.latest = this.querySelector("[data-latest]");
    this.earlier.addEventListener("click", () => this.#showEarlier());
    this.latest.addEventListener("click", () => this.#follow());
    document.addEventListener("visibilitychange", this.#seenOrHidden);
    addEventListener("hashchange", this.#goToNamed);
    if (NAMED.test(location.hash)) this.#goToNamed();
    else this.#follow();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.#seenOrHidden);
    removeEventListener("hashchange", this.#goToNamed);
    this.#close();
  }

  #seenOrHidden = () => (document.hidden ? this.#close() : this.#open());

  #goToNamed = () => {
    const end = Number(NAMED.exec(location.hash)?.[1]);
    if (!end || this.#mark(end)) return;
    this.#stand();
    this.#show(Math.max(0, end - RANGE_BYTES / 2), RANGE_BYTES, () => {
      if (!this.#mark(end)) this.#say("No line of the log has this address.");
    });
  };

  #follow() {
    this.#seen = 0;
    this.#isOver = false;
    this.#isFollowing = true;
    this.latest.hidden = true;
    this.lines.replaceChildren();
    this.#close();
    this.#open();
  }

  #stand() {
    this.#isFollowing = false;
    this.latest.hidden = false;
    this.#close();
  }

  #open() {
    if (!this.#isFollowing || this.#stream || this.#isOver || document.hidden) return;
    this.#stream = new EventSource(this.#where(this.#seen ? { offset: this.#seen } : { tail: MOST_LINES }));
    this.#stream.addEventListener("log", (event) => this.#gather(event));
    this.#stream.addEventListener("open", () => {
      this.#wait = AGAIN_MS;
      this.#say("The log goes on.");
    });
    this.#stream.addEventListener("end", () => {
      this.#isOver = true;
      this.#close();
      this.#say("This is the end of the log.");
    });
    this.#stream.addEventListener("error", () => {
      this.#say("The log is cut off; it is opened again.");
      this.#close();
      this.#again = setTimeout(() => this.#open(), this.#wait);
      this.#wait = Math.min(2 * this.#wait, LONGEST_AGAIN_MS);
    });
  }

  #close() {
    clearTimeout(this.#again);
    this.#stream?.close();
    this.#stream = null;
  }

  #gather(event) {
    this.#seen = Number(event.lastEventId);
    // Lines that come together are laid out together: once for each line is what makes a long log slow.
    if (this.#arrived.push({ end: this.#seen, text: event.data }) === 1) {
      setTimeout(() => this.#addArrived(), GATHER_MS);
    }
  }

  #addArrived() {
    const arrived = this.#arrived.splice(0).slice(-MOST_LINES);
    if (!this.#isFollowing) return;
    const { scrollTop, clientHeight, scrollHeight } = this.lines;
    const isAtEnd = scrollTop + clientHeight >= scrollHeight - NEAR_THE_END_PX;
    this.lines.append(...arrived.map(elementOf));
    while (this.lines.childElementCount > MOST_LINES) this.lines.firstElementChild.remove();
    this.#offerEarlier();
    if (isAtEnd) this.lines.scrollTop = this.lines.scrollHeight;
  }

  #showEarlier() {
    const first = endOf(this.lines.firstElementChild);
    const offset = Math.max(0, first - RANGE_BYTES);
    this.#stand();
    this.#show(offset, first - offset, (shown) => shown.at(-1)?.scrollIntoView({ block: "end" }));
  }

  // The lines of a range, before those of the window that come after it.
  async #show(offset, limit, then) {
    try {
      const lines = await this.#read(offset, limit);
      const shown = lines.map(elementOf);
      const before = [...this.lines.children];
      const joint = before.findIndex((line) => endOf(line) === lines.at(-1)?.end);
      const later = joint < 0 ? [] : before.slice(joint + 1);
      this.lines.replaceChildren(...[...shown, ...later].slice(0, Math.max(MOST_LINES, shown.length)));
      this.#offerEarlier();
      this.#say("A part of the log.");
      then(shown);
    } catch (error) {
      this.#say(`This part of the log cannot be read: ${error.message}.`);
    }
  }

  async #read(offset, limit) {
    const answer = await fetch(this.#where({ offset, limit }), { headers: { Accept: "text/plain" } });
    if (!answer.ok || answer.redirected) throw new Error(`the server answered ${answer.status}`);
    let end = Number(answer.headers.get("Modelyard-Log-Offset") ?? offset);
    const lines = ((await answer.text()).match(LINE) ?? []).map((line) => {
      end += utf8.encode(line).length;
      return { end, text: line.replace(/[\r\n]+$/, "") };
    });
    // A range that does not begin the log begins within a line.
    return offset > 0 && lines.length > 1 ? lines.slice(1) : lines;
  }

  #where(part) {
    const where = new URL(this.getAttribute("src"), location.href);
    for (const [name, value] of Object.entries(part)) where.searchParams.set(name, value);
    return where;
  }

  #mark(end) {
    const named = this.lines.querySelector(`#at-${end}`);
    this.lines.querySelector(".named")?.classList.remove("named");
    named?.classList.add("named");
    named?.scrollIntoView({ block: "center" });
    return named !== null;
  }

  #offerEarlier() {
    const first = this.lines.firstElementChild;
    // The first line of the log ends where its own bytes do.
    this.earlier.hidden = first === null || endOf(first) <= utf8.encode(first.textContent).length + 2;
  }

  #say(text) {
    if (this.said.textContent !== text) this.said.textContent = text;
  }
}

function elementOf({ end, text }) {
  const line = document.createElement("span");
  line.id = `at-${end}`;
  const address = document.createElement("a");
  address.href = `#at-${end}`;
  address.ariaLabel = "Address of this line";
  address.tabIndex = -1; // Else a keyboard passes thousands of them on its way out of the log.
  line.append(address, text);
  return line;
}

function endOf(line) {
  return Number(line?.id.slice("at-".length));
}

customElements.define("live-log", LiveLog);
