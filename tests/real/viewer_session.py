"""What a viewer in a browser does with the npm package dicomweb-client: search, metadata, retrieve, frames, store.

Run with the folder of the package (its `build/dicomweb-client.js`) and the Base URI of a server as its arguments. The
page is of another origin than the server, as viewers are.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

SESSION = """
async (url) => {
  const api = new DICOMwebClient.api.DICOMwebClient({ url, singlepart: "", headers: {} });
  const failed = [];
  const step = async (name, act) => {
    try { return await act(); } catch (error) { failed.push(name + ": " + (error.message || error)); return null; }
  };
  const studies = await step("studies", () => api.searchForStudies({ queryParams: { ModalitiesInStudy: "CT" } }));
  const study = studies && studies.length ? studies[0]["0020000D"].Value[0] : "1.2.3";
  const series = await step("series", () => api.searchForSeries({ studyInstanceUID: study }));
  const one = series && series.length ? series[0]["0020000E"].Value[0] : "1.2.4";
  const instances = await step("instances", () => api.searchForInstances({
    studyInstanceUID: study, seriesInstanceUID: one, queryParams: { limit: 2, includefield: "all" } }));
  const sop = instances && instances.length ? instances[0]["00080018"].Value[0] : "1.2.5";
  const uids = { studyInstanceUID: study, seriesInstanceUID: one, sopInstanceUID: sop };
  await step("by name", () => api.searchForStudies({ queryParams: { PatientName: "DICOMPROOF^*" } }));
  await step("study metadata", () => api.retrieveStudyMetadata(uids));
  await step("series metadata", () => api.retrieveSeriesMetadata(uids));
  await step("instance metadata", () => api.retrieveInstanceMetadata(uids));
  const whole = await step("instance", () => api.retrieveInstance(uids));
  await step("series", () => api.retrieveSeries(uids));
  await step("study", () => api.retrieveStudy(uids));
  await step("frames", () => api.retrieveInstanceFrames({ ...uids, frameNumbers: [1] }));
  await step("rendered", () => api.retrieveInstanceRendered({ ...uids, mediaTypes: [{ mediaType: "image/jpeg" }] }));
  if (whole) { await step("store", () => api.storeInstances({ datasets: [whole] })); }
  await step("fetch", () => fetch(url + "/studies?limit=1", { headers: { Accept: "application/dicom+json" } }));
  return failed;
}
"""


def executable() -> str | None:
    """The browser of the system, None for the one that playwright brought along."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def serving(page: bytes) -> Iterator[str]:
    """A server of this one page; gives its address."""

    class Viewer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Viewer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def main(package: str, url: str) -> int:
    """The number of steps that the client itself gave up."""
    code = (Path(package) / "build" / "dicomweb-client.js").read_text(encoding="utf-8")
    with serving(f"<title>viewer</title><script>{code}</script>".encode()) as viewer, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(viewer)
        failed: list[str] = page.evaluate(SESSION, url)
        browser.close()
    sys.stderr.writelines(f"{line}\n" for line in failed)
    return len(failed)


if __name__ == "__main__":
    sys.stdout.write(f"{main(*sys.argv[1:3])} steps were given up\n")
