#include "cdp/effects.hpp"

#include <algorithm>
#include <array>

#include "cdp/method_index.hpp"

namespace bridge::cdp {
namespace {

struct Row {
  std::string_view method;
  Trait trait;
};

constexpr Row said(std::string_view method) {
  return {method, {Effect::session, Keep::last, {}, {}}};
}
constexpr Row said_for_each(std::string_view method, std::string_view param) {
  return {method, {Effect::session, Keep::by_param, param, {}}};
}
constexpr Row added(std::string_view method, std::string_view named_by) {
  return {method, {Effect::session, Keep::by_result, named_by, {}}};
}
constexpr Row undo(std::string_view method, std::string_view what, std::string_view param = {}) {
  return {method, {Effect::session, Keep::undo, param, what}};
}
constexpr Row read(std::string_view method) {
  return {method, {Effect::nothing, Keep::no, {}, {}}};
}

// Sorted by method.
constexpr std::array kRows{
    read("Accessibility.getFullAXTree"),
    read("Browser.getBrowserCommandLine"),
    read("Browser.getVersion"),
    read("Browser.getWindowBounds"),
    read("Browser.getWindowForTarget"),
    said_for_each("Browser.setDownloadBehavior", "browserContextId"),
    undo("DOMDebugger.removeEventListenerBreakpoint", "DOMDebugger.setEventListenerBreakpoint",
         "eventName"),
    undo("DOMDebugger.removeXHRBreakpoint", "DOMDebugger.setXHRBreakpoint", "url"),
    said_for_each("DOMDebugger.setEventListenerBreakpoint", "eventName"),
    said_for_each("DOMDebugger.setXHRBreakpoint", "url"),
    read("DOMSnapshot.captureSnapshot"),
    undo("Debugger.removeBreakpoint", "", "breakpointId"),
    said("Debugger.setAsyncCallStackDepth"),
    said("Debugger.setBlackboxExecutionContexts"),
    said("Debugger.setBlackboxPatterns"),
    added("Debugger.setBreakpoint", "breakpointId"),
    added("Debugger.setBreakpointByUrl", "breakpointId"),
    said("Debugger.setBreakpointsActive"),
    added("Debugger.setInstrumentationBreakpoint", "breakpointId"),
    said("Debugger.setPauseOnExceptions"),
    said("Debugger.setSkipAllPauses"),
    read("Emulation.canEmulate"),
    undo("Emulation.clearDeviceMetricsOverride", "Emulation.setDeviceMetricsOverride"),
    undo("Emulation.clearDevicePostureOverride", "Emulation.setDevicePostureOverride"),
    undo("Emulation.clearGeolocationOverride", "Emulation.setGeolocationOverride"),
    undo("Emulation.clearIdleOverride", "Emulation.setIdleOverride"),
    said("Emulation.setAutoDarkModeOverride"),
    said("Emulation.setAutomationOverride"),
    said("Emulation.setCPUThrottlingRate"),
    said("Emulation.setDefaultBackgroundColorOverride"),
    said("Emulation.setDeviceMetricsOverride"),
    said("Emulation.setDevicePostureOverride"),
    said("Emulation.setDisabledImageTypes"),
    said("Emulation.setDocumentCookieDisabled"),
    said("Emulation.setEmitTouchEventsForMouse"),
    said("Emulation.setEmulatedMedia"),
    said("Emulation.setEmulatedOSTextScale"),
    said("Emulation.setEmulatedVisionDeficiency"),
    said("Emulation.setFocusEmulationEnabled"),
    said("Emulation.setGeolocationOverride"),
    said("Emulation.setHardwareConcurrencyOverride"),
    said("Emulation.setIdleOverride"),
    said("Emulation.setLocaleOverride"),
    said("Emulation.setNavigatorOverrides"),
    said("Emulation.setPageScaleFactor"),
    said("Emulation.setSafeAreaInsetsOverride"),
    said("Emulation.setScriptExecutionDisabled"),
    said("Emulation.setScrollbarsHidden"),
    said("Emulation.setSmallViewportHeightDifferenceOverride"),
    said("Emulation.setTimezoneOverride"),
    said("Emulation.setTouchEmulationEnabled"),
    said("Emulation.setUserAgentOverride"),
    undo("EventBreakpoints.removeInstrumentationBreakpoint",
         "EventBreakpoints.setInstrumentationBreakpoint", "eventName"),
    said_for_each("EventBreakpoints.setInstrumentationBreakpoint", "eventName"),
    said("Input.setIgnoreInputEvents"),
    said("Input.setInterceptDrags"),
    said("Network.emulateNetworkConditions"),
    said("Network.emulateNetworkConditionsByRule"),
    read("Network.getCookies"),
    said("Network.overrideNetworkState"),
    said("Network.setAcceptedEncodings"),
    said("Network.setAttachDebugStack"),
    said("Network.setBlockedURLs"),
    said("Network.setBypassServiceWorker"),
    said("Network.setCacheDisabled"),
    said("Network.setExtraHTTPHeaders"),
    said("Network.setRequestInterception"),
    said("Network.setUserAgentOverride"),
    said("Overlay.setInspectMode"),
    said("Overlay.setPausedInDebuggerMessage"),
    said("Overlay.setShowAdHighlights"),
    said("Overlay.setShowDebugBorders"),
    said("Overlay.setShowFPSCounter"),
    said("Overlay.setShowHinge"),
    said("Overlay.setShowPaintRects"),
    said("Overlay.setShowViewportSizeOnResize"),
    added("Page.addScriptToEvaluateOnNewDocument", "identifier"),
    read("Page.captureScreenshot"),
    read("Page.captureSnapshot"),
    said_for_each("Page.createIsolatedWorld", ""),
    read("Page.getAppManifest"),
    read("Page.getFrameTree"),
    read("Page.getInstallabilityErrors"),
    read("Page.getLayoutMetrics"),
    read("Page.getNavigationHistory"),
    read("Page.getResourceTree"),
    undo("Page.removeScriptToEvaluateOnNewDocument", "Page.addScriptToEvaluateOnNewDocument",
         "identifier"),
    said("Page.setAdBlockingEnabled"),
    said("Page.setBypassCSP"),
    said("Page.setFontFamilies"),
    said("Page.setFontSizes"),
    said("Page.setInterceptFileChooserDialog"),
    said("Page.setLifecycleEventsEnabled"),
    said("Page.setPrerenderingAllowed"),
    said("Page.setRPHRegistrationMode"),
    said("Page.setSPCTransactionMode"),
    said("Page.startScreencast"),
    undo("Page.stopScreencast", "Page.startScreencast"),
    read("Performance.getMetrics"),
    said("Performance.setTimeDomain"),
    said_for_each("Runtime.addBinding", "name"),
    undo("Runtime.removeBinding", "Runtime.addBinding", "name"),
    Row{"Runtime.runIfWaitingForDebugger", {Effect::session, Keep::no, {}, {}}},
    said("Runtime.setAsyncCallStackDepth"),
    said("Runtime.setCustomObjectFormatterEnabled"),
    said("Runtime.setMaxCallStackSizeToCapture"),
    read("Schema.getDomains"),
    said("Security.setIgnoreCertificateErrors"),
    said("ServiceWorker.setForceUpdateOnPageLoad"),
    read("Storage.getCookies"),
    read("Storage.getUsageAndQuota"),
    read("SystemInfo.getFeatureState"),
    read("SystemInfo.getInfo"),
    read("SystemInfo.getProcessInfo"),
    said_for_each("Target.autoAttachRelated", "targetId"),
    read("Target.getBrowserContexts"),
    read("Target.getTargetInfo"),
    read("Target.getTargets"),
    said("Target.setAutoAttach"),
    said("Target.setDiscoverTargets"),
    said("Target.setRemoteLocations"),
};

static_assert(std::is_sorted(kRows.begin(), kRows.end(),
                             [](Row const& a, Row const& b) { return a.method < b.method; }));

constexpr MethodIndex kIndex(kRows);

}  // namespace

Trait trait_of(std::string_view method) {
  if (auto const* row = kIndex.find(method)) return row->trait;
  if (method.ends_with(".enable")) return {Effect::session, Keep::last, {}, {}};
  if (method.ends_with(".disable")) return {Effect::session, Keep::undo_all, {}, {}};
  return {};
}

}  // namespace bridge::cdp
