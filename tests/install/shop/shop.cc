// What a user writes against the generated code.
#include "alone.sluice.h"
#include "shop/till.sluice.h"

class Till final : public shop::Till::Service {
 public:
  sluice::Task<sluice::Result<google::protobuf::Empty>> Pay(
      sluice::ServerContext&, sluice::ServerReader<shop::Money>& reader) override {
    while (co_await reader.read()) {
    }
    co_return google::protobuf::Empty();
  }
};

static_assert(OutsideOfTheImportFolders::kName == "OutsideOfTheImportFolders");
