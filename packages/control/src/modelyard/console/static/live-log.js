// <live-log src="…"> shows the lines of a log as they come. It has the last of them, and a link to the whole stands
// beside it. The stream is closed while the page is hidden, and goes on where it was.
const MOST_LINES = 5000;
const AGAIN_MS = 2000;

class LiveLog extends HTMLElement {
  connectedCallback() {
    this.lines = this.querySelector("pre");
    this.said = this.querySelector("[data-said]");
    this.seen = "";
    this.whenVisible = () => (document.hidden ? this.close() : this.open());
    document.addEventListener("visibilitychange", this.whenVisible);
    this.open();
  }

  disconnectedCallback() {
    document.removeEventListener("visibilitychange", this.whenVisible);
    this.close();
  }

  open() {
    if (this.stream || this.isOver || document.hidden) return;
    const where = new URL(this.getAttribute("src"), location.href);
    if (this.seen) where.searchParams.set("offset", this.seen);
    else where.searchParams.set("tail", String(MOST_LINES));
    this.stream = new EventSource(where);
    this.stream.addEventListener("log", (event) => this.add(event));
    this.stream.addEventListener("end", () => {
      this.isOver = true;
      this.close();
      this.say("This is the end of the log.");
    });
    this.stream.addEventListener("open", () => this.say("The log goes on."));
    this.stream.addEventListener("error", () => {
      this.say("The log is cut off; it is opened again.");
      this.close();
      this.again = setTimeout(() => this.open(), AGAIN_MS);
    });
  }

  close() {
    clearTimeout(this.again);
    this.stream?.close();
    this.stream = null;
  }

  add(event) {
    this.seen = event.lastEventId;
    const isAtEnd = this.lines.scrollTop + this.lines.clientHeight >= this.lines.scrollHeight - 24;
    this.lines.append(`${event.data}\n`);
    while (this.lines.childNodes.length > MOST_LINES) this.lines.firstChild.remove();
    if (isAtEnd) this.scroll();
  }

  scroll() {
    if (this.isScrolling) return;
    this.isScrolling = true;
    requestAnimationFrame(() => {
      this.isScrolling = false;
      this.lines.scrollTop = this.lines.scrollHeight;
    });
  }

  say(text) {
    if (this.said && this.said.textContent !== text) this.said.textContent = text;
  }
}
customElements.define("live-log", LiveLog);
