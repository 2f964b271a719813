// Three pictures, one after the other: the phone's camera in the page, or files where there is none to be had.
import { action, h, show } from "./dom.js";
import { t } from "./texts.js";

const LONGEST_SIDE = 1600;
const WARM_UP_MS = 600;

/** Take the pictures that are still missing; resolves when all are good, rejects with what else went wrong.
 *
 * `send(slot, blob)` uploads one and throws the server's refusal; `describe(error)` says it in words, or `null` where
 * another picture would not help. `done` are the slots that were good before.
 */
export async function takePictures({ frame, captures, done, send, describe, cancel }) {
  if (captures.length === 0) return;
  const camera = await openCamera();
  try {
    const slots = [...done, ...captures.map((one) => one.slot)].sort();
    for (const capture of captures) {
      await onePicture(camera, capture, { frame, slots, send, describe, cancel });
    }
  } finally {
    camera?.getTracks().forEach((track) => track.stop());
  }
}

async function openCamera() {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } },
    });
  } catch {
    return null; // Refused, in use, or an old phone: a picture can be chosen or taken by the phone's own camera.
  }
}

function onePicture(camera, capture, { frame, slots, send, describe, cancel }) {
  return new Promise((resolve, reject) => {
    const advice = h("div", { role: "status", class: "advice" });
    const offer = async (blob) => {
      advice.replaceChildren(h("p", { class: "soft" }, t("photo.checking")));
      try {
        await send(capture.slot, blob);
        resolve();
      } catch (error) {
        const words = describe(error);
        if (words === null) reject(error);
        else advice.replaceChildren(h("p", { class: "hint" }, words));
      }
    };
    const stage = camera ? withCamera(camera, advice, offer, reject) : withFiles(advice, offer, reject);
    show(frame(
      h("h1", {}, t("photo.title", { at: slots.indexOf(capture.slot) + 1, of: slots.length })),
      h("ol", { class: "steps", "aria-hidden": "true" }, slots.map((slot) =>
        h("li", { class: slot < capture.slot ? "done" : slot === capture.slot ? "now" : "" }))),
      h("p", {}, capture.instruction[document.documentElement.lang] ?? capture.instruction.en),
      stage,
      h("div", { class: "actions" }, h("button", { type: "button", class: "plain", click: cancel }, t("photo.stop"))),
    ));
  });
}

function withCamera(camera, advice, offer, failed) {
  const video = h("video", { autoplay: true, playsinline: true, muted: true, "aria-label": t("photo.picture") });
  video.muted = true; // The attribute alone does not count where the element was made by a script.
  video.srcObject = camera;
  const started = new Promise((resolve) => video.addEventListener("playing", resolve, { once: true }));
  const shoot = action(t("photo.take"), async () => {
    await started;
    await offer(await drawn(video, video.videoWidth, video.videoHeight));
  }, failed, "first");
  shoot.disabled = true;
  // The first frames of a camera are dark: it has not yet found the light.
  started.then(() => setTimeout(() => { shoot.disabled = false; }, WARM_UP_MS));
  return h("div", {}, h("div", { class: "stage" }, video, advice), h("div", { class: "actions" }, shoot));
}

function withFiles(advice, offer, failed) {
  const input = h("input", { type: "file", accept: "image/*", capture: "user", id: "picture" });
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (file) await reduced(file).then(offer).catch(failed);
  });
  return h("div", { class: "card" }, h("p", {}, t("photo.nocamera")), h("label", { for: "picture" }, t("photo.choose")), input, advice);
}

/** A picture small enough for a slow line; one that this browser cannot read goes as it is, for the server to say. */
async function reduced(file) {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    return await drawn(picture, picture.width, picture.height);
  } catch {
    return file;
  }
}

function drawn(source, width, height) {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const canvas = h("canvas");
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}
