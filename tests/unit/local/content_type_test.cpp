#include "local/content_type.hpp"

#include <doctest/doctest.h>

using namespace bridge::local;

TEST_CASE("content type: the ending says it, whatever its case") {
  CHECK(content_type_of("report.pdf") == "application/pdf");
  CHECK(content_type_of("Scan.PDF") == "application/pdf");
  CHECK(content_type_of("archive.tar.gz") == "application/gzip");
  CHECK(content_type_of("pdf") == "application/octet-stream");
  CHECK(content_type_of("") == "application/octet-stream");
}
