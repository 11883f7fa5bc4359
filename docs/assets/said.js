// What a command says in one long sentence is broken into lines; its tables are not.
for (const line of document.querySelectorAll(".highlight .go")) {
  if (/^ansatz: /.test(line.textContent)) {
    line.classList.add("said");
  }
}
