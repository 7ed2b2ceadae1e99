// <time-slider data-from data-to> moves the form's field `at` between two moments. The form works without it.
class TimeSlider extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    const from = Date.parse(this.dataset.from);
    const to = Date.parse(this.dataset.to);
    const form = this.closest("form");
    const field = form.elements.at;
    const slider = document.createElement("input");
    slider.type = "range";
    slider.min = "0";
    slider.max = "1000";
    const chosen = Date.parse(field.value);
    slider.value = Number.isNaN(chosen) ? "1000" : String(Math.round((1000 * (chosen - from)) / (to - from || 1)));
    slider.setAttribute("aria-label", "Moment");
    slider.addEventListener("input", () => {
      const moment = new Date(from + ((to - from) * Number(slider.value)) / 1000);
      field.value = slider.value === "1000" ? "" : `${moment.toISOString().slice(0, 19)}Z`;
    });
    slider.addEventListener("change", () => form.requestSubmit());
    this.append(slider);
  }
}
customElements.define("time-slider", TimeSlider);
