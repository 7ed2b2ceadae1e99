// <copy-button> copies the text of the block that it stands in.
class CopyButton extends HTMLElement {
  connectedCallback() {
    if (this.firstChild) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = "copy";
    button.addEventListener("click", async () => {
      const block = this.parentElement.querySelector("pre");
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
    this.append(button);
  }
}
customElements.define("copy-button", CopyButton);
