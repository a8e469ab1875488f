// Improves the page where JavaScript runs: nothing depends on it.
"use strict";
for (const form of document.querySelectorAll("form[data-drop]")) {
  const chooser = form.querySelector('input[type="file"]');
  const stop = (event) => event.preventDefault();
  form.addEventListener("dragover", (event) => { stop(event); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    stop(event);
    form.classList.remove("over");
    if (event.dataTransfer.files.length) chooser.files = event.dataTransfer.files;
  });
}
const answer = document.getElementById("reponse");
if (answer) answer.focus();
