#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "local/errors.hpp"
#include "local/json.hpp"
#include "local/query.hpp"
#include "local/schema.hpp"

namespace bridge::local {

/// The API's own description, contract/openapi.json, and what it demands of requests.
class Contract {
 public:
  Contract();
  ~Contract();

  /// One operation of it.
  struct Operation {
    std::map<std::string, Json const*> query;  ///< schema of each parameter
    Json const* body = nullptr;                ///< schema of the JSON body; null: it takes none
    bool multipart = false;                    ///< takes an upload
    bool idempotent = false;                   ///< takes an Idempotency-Key
  };
  /// Null when the contract has no such operation.
  [[nodiscard]] Operation const* find(std::string_view operation) const;
  /// The whole of it.
  [[nodiscard]] Json const& document() const { return *document_; }
  /// What a "#/..." of it names.
  [[nodiscard]] Json const& resolve(std::string const& reference) const;
  /// `given`, or what it refers to.
  [[nodiscard]] Json const& target(Json const& given) const;

  /// 400 request.invalid that names the first query parameter which is not what it should be.
  [[nodiscard]] std::optional<Problem> check_query(Operation const& operation,
                                                   Query const& query) const;
  /// The same for the body.
  [[nodiscard]] std::optional<Problem> check_body(Operation const& operation,
                                                  Json const& body) const;

 private:
  void take(Json const& operation);

  std::unique_ptr<Json> document_;
  std::map<std::string, Operation, std::less<>> operations_;
  SchemaCheck schemas_;
};

}  // namespace bridge::local
