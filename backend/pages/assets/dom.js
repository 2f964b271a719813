// Elements without markup in strings: what others named, a guest's host or a company, is always text.

/** Make an element; attributes that are functions become listeners, `null` children are left out. */
export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** Show these instead of what stood there, and say so to whoever listens instead of looking. */
export function show(...children) {
  const page = document.getElementById("page");
  page.replaceChildren(...children.flat(Infinity).filter(Boolean));
  page.removeAttribute("aria-busy");
  const heading = document.querySelector("h1");
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
  window.scrollTo(0, 0);
}

/** A button that cannot be pressed twice while its work goes on; failures go to `failed`. */
export function action(label, work, failed, kind = "") {
  const button = h("button", { type: "button", class: kind }, label);
  button.addEventListener("click", () => busy(button, work).catch(failed));
  return button;
}

/** Do what a button is for: meanwhile it cannot be pressed, and shows that something goes on where that takes a while. */
export async function busy(button, work) {
  button.disabled = true;
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    button.disabled = false;
    button.removeAttribute("aria-busy");
  }
}
