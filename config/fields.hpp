#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

#include "config/config.hpp"
#include "config/values.hpp"

namespace bridge::config {

/// Each section's keys with the members they set, in the order of the file. Reading, showing and
/// listing the keys all walk these, so a new key is one line here. A visitor is called as
/// visit(key, member) or visit(key, member, Form).
template <class T, class Section>
concept Of = std::same_as<std::remove_const_t<T>, Section>;

template <Of<Api> S, class Visit>
void each_field(S& api, Visit&& visit) {
  visit("base_url", api.base_url);
  visit("key_file", api.key_file, Form::path);
  visit("ca_file", api.ca_file, Form::path);
  visit("proxy", api.proxy, Form::secret);
  visit("timeout", api.timeout);
  visit("start_timeout", api.start_timeout);
}

template <Of<Local> S, class Visit>
void each_field(S& local, Visit&& visit) {
  visit("port", local.port);
  visit("chromium", local.chromium);
  visit("chromium_flags", local.chromium_flags);
  visit("state_dir", local.state_dir, Form::path);
  visit("in_memory", local.in_memory);
  visit("concurrent", local.concurrent);
  visit("recording", local.recording);
  visit("proxy_test_url", local.proxy_test_url);
}

template <Of<Service> S, class Visit>
void each_field(S& service, Visit&& visit) {
  visit("port", service.port);
}

template <Of<Logging> S, class Visit>
void each_field(S& logging, Visit&& visit) {
  visit("level", logging.level);
  visit("format", logging.format);
}

template <Of<RuntimeRef> S, class Visit>
void each_field(S& runtime, Visit&& visit) {
  visit("id", runtime.id);
  visit("name", runtime.name);
  visit("space", runtime.space);
  visit("config", runtime.create_config, Form::json);
}

template <Of<Limits> S, class Visit>
void each_field(S& limits, Visit&& visit) {
  visit("client_message", limits.client_message);
  visit("client_queue", limits.client_queue);
  visit("upstream_message", limits.upstream_message);
  visit("upstream_queue", limits.upstream_queue);
  visit("clients", limits.clients, Form::count);
}

template <Of<Budget> S, class Visit>
void each_field(S& budget, Visit&& visit) {
  visit("time", budget.time);
  visit("credits", budget.credits, Form::count);
  visit("per", budget.per);
}

template <Of<Bridge> S, class Visit>
void each_field(S& bridge, Visit&& visit) {
  visit("name", bridge.name);
  visit("port", bridge.port);
  visit("runtime", bridge.runtime);
  visit("upstream", bridge.upstream, Form::secret);
  visit("start", bridge.start);
  visit("on_exit", bridge.on_exit);
  visit("lease", bridge.lease);
  visit("idle_stop", bridge.idle_stop);
  visit("on_last_client", bridge.on_last_client);
  visit("grace", bridge.grace);
  visit("max_run", bridge.max_run);
  visit("budget", bridge.budget);
  visit("on_busy", bridge.on_busy);
  visit("attach_timeout", bridge.attach_timeout);
  visit("keep_alive", bridge.keep_alive);
  visit("resume", bridge.resume);
  visit("resume_timeout", bridge.resume_timeout);
  visit("parked", bridge.parked);
  visit("clients", bridge.clients);
  visit("allowed_hosts", bridge.allowed_hosts);
  visit("allowed_origins", bridge.allowed_origins);
  visit("limits", bridge.limits);
}

template <Of<Config> S, class Visit>
void each_field(S& config, Visit&& visit) {
  visit("backend", config.backend);
  visit("api", config.api);
  visit("local", config.local);
  visit("service", config.service);
  visit("log", config.logging);
  visit("drain", config.drain);
  visit("bridges", config.bridges);
}

template <class T>
concept Section = Of<T, Api> || Of<T, Local> || Of<T, Service> || Of<T, Logging> ||
    Of<T, RuntimeRef> || Of<T, Limits> || Of<T, Budget> || Of<T, Bridge> || Of<T, Config>;

}  // namespace bridge::config
