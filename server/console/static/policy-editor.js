"use strict";
// Colours for Cedar by CodeMirror's simple mode. The form sends the text area, into which the editor writes.

CodeMirror.defineSimpleMode("cedar", {
  start: [
    { regex: /\/\/.*/, token: "comment" },
    { regex: /"(?:[^"\\]|\\.)*"?/, token: "string" },
    { regex: /@[A-Za-z_]\w*/, token: "meta" },
    { regex: /(?:permit|forbid|when|unless|if|then|else|in|is|like|has|true|false)\b/, token: "keyword" },
    { regex: /(?:principal|action|resource|context)\b/, token: "variable-2" },
    { regex: /[A-Za-z_]\w*(?=::)/, token: "type" },
    { regex: /\d+/, token: "number" },
    { regex: /\w+/, token: null },
  ],
});

for (const area of document.querySelectorAll("textarea.code")) {
  const editor = CodeMirror.fromTextArea(area, {
    mode: area.name.endsWith(".cedar") ? "cedar" : null,
    lineNumbers: true,
    lineWrapping: true,
    inputStyle: "contenteditable",
    extraKeys: { Tab: false, "Shift-Tab": false }, // who has only a keyboard leaves it by Tab
    screenReaderLabel: area.name.replace("edit:", ""),
  });
  editor.on("change", () => editor.save());
}
