// A client of the gateway: a group, its members, a message, and what a refused call says.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>

#include "tencentim/group/v1/group_service.grpc.pb.h"
#include "tencentim/group/v1/member_service.grpc.pb.h"
#include "tencentim/group/v1/message_service.grpc.pb.h"

namespace tim = tencentim::group::v1;
using std::chrono::milliseconds;

namespace {

std::string Env(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// TLS when TENCENT_IM_CA names the certificate to trust, plain text otherwise.
std::shared_ptr<grpc::Channel> Connect() {
  const std::string address = Env("TENCENT_IM_ADDR", "127.0.0.1:50051");
  const std::string ca = Env("TENCENT_IM_CA", "");
  if (ca.empty()) return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  std::ifstream file(ca);
  grpc::SslCredentialsOptions options;
  options.pem_root_certs.assign(std::istreambuf_iterator<char>(file), {});
  return grpc::CreateChannel(address, grpc::SslCredentials(options));
}

// What a call goes out with: a deadline, and the key of TENCENT_IM_TOKEN.
std::unique_ptr<grpc::ClientContext> Context(milliseconds timeout = std::chrono::seconds(30)) {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + timeout);
  const std::string token = Env("TENCENT_IM_TOKEN", "");
  if (!token.empty()) context->AddMetadata("authorization", "Bearer " + token);
  return context;
}

void Check(const grpc::Status& status) {
  if (status.ok()) return;
  throw std::runtime_error("status " + std::to_string(status.error_code()) + ": " + status.error_message());
}

void AddText(tim::SendMessageRequest& request, const std::string& words) {
  request.add_elements()->mutable_text()->set_text(words);
}

void AddMembers(const std::shared_ptr<grpc::Channel>& channel, const std::string& group_id) {
  tim::BatchAddMembersRequest request;
  request.set_group_id(group_id);
  request.set_silent(true);
  for (int i = 1; i <= 120; ++i) {
    char user[16];
    std::snprintf(user, sizeof user, "user-%03d", i);
    request.add_user_ids(user);
  }
  tim::BatchAddMembersResponse reply;
  Check(tim::MemberService::NewStub(channel)->BatchAddMembers(Context().get(), request, &reply));
  int added = 0;
  for (const auto& result : reply.results()) added += result.outcome() == tim::ADD_MEMBER_OUTCOME_ADDED;
  std::cout << "added " << added << " of " << reply.results_size() << " members\n";
}

void Talk(const std::shared_ptr<grpc::Channel>& channel, const std::string& group_id) {
  auto messages = tim::MessageService::NewStub(channel);
  tim::SendMessageRequest request;
  request.set_group_id(group_id);
  request.set_request_id("hello-1");  // the same id within five minutes never makes two messages
  request.set_sender_user_id("alice");
  AddText(request, "hello");
  for (const char* words : {"sent message ", "sent it again: still message "}) {
    tim::SendMessageResponse sent;
    Check(messages->SendMessage(Context(std::chrono::seconds(5)).get(), request, &sent));
    std::cout << words << sent.seq() << '\n';
  }

  tim::StreamMessagesRequest history;
  history.set_group_id(group_id);
  auto context = Context();
  auto stream = messages->StreamMessages(context.get(), history);
  tim::StreamMessagesResponse page;
  while (stream->Read(&page)) {
    for (const auto& message : page.messages()) {
      std::cout << "history: message " << message.seq() << " by " << message.sender_user_id() << ": "
                << message.elements(0).text().text() << '\n';
    }
  }
  Check(stream->Finish());
}

// Prints what the details of a refused call say: the reason, then what is wrong or when to come again.
void Explain(const grpc::Status& refused) {
  google::rpc::Status status;
  status.ParseFromString(refused.error_details());
  std::string reason;
  std::vector<std::string> lines;
  for (const auto& detail : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) {
      reason = info.reason();
    } else if (detail.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        lines.push_back("  " + violation.field() + ": " + violation.description());
      }
    } else if (detail.UnpackTo(&retry)) {
      const auto& delay = retry.retry_delay();
      lines.push_back("  try again in " + std::to_string(std::lround(delay.seconds() + delay.nanos() / 1e9)) + " s");
    }
  }
  std::cout << "refused: " << reason << '\n';
  for (const auto& line : lines) std::cout << line << '\n';
}

// Makes two calls that are refused: one is wrong, one comes too soon after another.
void Provoke(const std::shared_ptr<grpc::Channel>& channel) {
  tim::SendMessageRequest wrong;
  AddText(wrong, "");
  tim::SendMessageResponse none;
  Explain(tim::MessageService::NewStub(channel)->SendMessage(Context().get(), wrong, &none));

  auto groups = tim::GroupService::NewStub(channel);
  tim::ListGroupIdsResponse ids;
  Check(groups->ListGroupIds(Context().get(), {}, &ids));
  // One call a second is allowed; the gateway waits for the next turn, unless the deadline comes first.
  Explain(groups->ListGroupIds(Context(milliseconds(500)).get(), {}, &ids));
}

void Story(const std::shared_ptr<grpc::Channel>& channel) {
  auto groups = tim::GroupService::NewStub(channel);
  tim::CreateGroupRequest create;
  create.set_type(tim::GROUP_TYPE_PUBLIC);
  create.set_name("Example");
  create.set_owner_user_id("alice");
  tim::CreateGroupResponse group;
  Check(groups->CreateGroup(Context().get(), create, &group));
  std::cout << "created a group\n";

  AddMembers(channel, group.group_id());
  Talk(channel, group.group_id());
  Provoke(channel);

  tim::DestroyGroupRequest destroy;
  destroy.set_group_id(group.group_id());
  tim::DestroyGroupResponse destroyed;
  Check(groups->DestroyGroup(Context().get(), destroy, &destroyed));
  std::cout << "destroyed the group\n";
}

}  // namespace

int main() {
  try {
    Story(Connect());
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
