// A client of the gateway: a group, its members, a message, and what a refused call says.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net.Http;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Threading;
using System.Threading.Tasks;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;
using TencentIm.Group.V1;

internal static class Program
{
    // The key of TENCENT_IM_TOKEN, sent with every call.
    private static readonly Metadata Headers = new Metadata();

    private static async Task Main()
    {
        var token = Environment.GetEnvironmentVariable("TENCENT_IM_TOKEN");
        if (!string.IsNullOrEmpty(token))
        {
            Headers.Add("authorization", "Bearer " + token);
        }
        using (var channel = Connect())
        {
            var groups = new GroupService.GroupServiceClient(channel);
            var create = new CreateGroupRequest { Type = GroupType.Public, Name = "Example", OwnerUserId = "alice" };
            var group = await groups.CreateGroupAsync(create, Options(30));
            Console.WriteLine("created a group");
            await AddMembers(channel, group.GroupId);
            await Talk(channel, group.GroupId);
            await Provoke(channel);
            await groups.DestroyGroupAsync(new DestroyGroupRequest { GroupId = group.GroupId }, Options(30));
            Console.WriteLine("destroyed the group");
        }
    }

    // TLS when TENCENT_IM_CA names the certificate to trust, plain text otherwise.
    private static GrpcChannel Connect()
    {
        var address = Environment.GetEnvironmentVariable("TENCENT_IM_ADDR");
        if (string.IsNullOrEmpty(address))
        {
            address = "127.0.0.1:50051";
        }
        var ca = Environment.GetEnvironmentVariable("TENCENT_IM_CA");
        if (string.IsNullOrEmpty(ca))
        {
            return GrpcChannel.ForAddress("http://" + address);
        }
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust };
        policy.CustomTrustStore.ImportFromPemFile(ca);
        policy.RevocationMode = X509RevocationMode.NoCheck;
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy },
        };
        return GrpcChannel.ForAddress("https://" + address, new GrpcChannelOptions { HttpHandler = handler });
    }

    private static CallOptions Options(double seconds)
    {
        return new CallOptions(Headers, DateTime.UtcNow.AddSeconds(seconds));
    }

    private static MessageElement Text(string words)
    {
        return new MessageElement { Text = new TextElement { Text = words } };
    }

    private static async Task AddMembers(ChannelBase channel, string groupId)
    {
        var request = new BatchAddMembersRequest { GroupId = groupId, Silent = true };
        request.UserIds.AddRange(Enumerable.Range(1, 120).Select(i => $"user-{i:D3}"));
        var reply = await new MemberService.MemberServiceClient(channel).BatchAddMembersAsync(request, Options(30));
        var added = reply.Results.Count(result => result.Outcome == AddMemberOutcome.Added);
        Console.WriteLine($"added {added} of {reply.Results.Count} members");
    }

    private static async Task Talk(ChannelBase channel, string groupId)
    {
        var messages = new MessageService.MessageServiceClient(channel);
        var request = new SendMessageRequest
        {
            GroupId = groupId,
            RequestId = "hello-1", // the same id within five minutes never makes two messages
            SenderUserId = "alice",
            Elements = { Text("hello") },
        };
        foreach (var words in new[] { "sent message", "sent it again: still message" })
        {
            var sent = await messages.SendMessageAsync(request, Options(5));
            Console.WriteLine($"{words} {sent.Seq}");
        }

        var history = new StreamMessagesRequest { GroupId = groupId };
        using (var call = messages.StreamMessages(history, Options(30)))
        {
            while (await call.ResponseStream.MoveNext(CancellationToken.None))
            {
                foreach (var message in call.ResponseStream.Current.Messages)
                {
                    var words = message.Elements[0].Text.Text;
                    Console.WriteLine($"history: message {message.Seq} by {message.SenderUserId}: {words}");
                }
            }
        }
    }

    // Makes two calls that are refused: one is wrong, one comes too soon after another.
    private static async Task Provoke(ChannelBase channel)
    {
        var messages = new MessageService.MessageServiceClient(channel);
        try
        {
            await messages.SendMessageAsync(new SendMessageRequest { Elements = { Text("") } }, Options(5));
        }
        catch (RpcException error)
        {
            Explain(error);
        }

        var groups = new GroupService.GroupServiceClient(channel);
        await groups.ListGroupIdsAsync(new ListGroupIdsRequest(), Options(30));
        // One call a second is allowed; the gateway waits for the next turn, unless the deadline comes first.
        try
        {
            await groups.ListGroupIdsAsync(new ListGroupIdsRequest(), Options(0.5));
        }
        catch (RpcException error)
        {
            Explain(error);
        }
    }

    // Prints what the details of a refused call say: the reason, then what is wrong or when to come again.
    private static void Explain(RpcException error)
    {
        var status = error.GetRpcStatus();
        Console.WriteLine("refused: " + status?.GetDetail<ErrorInfo>()?.Reason);
        var bad = status?.GetDetail<BadRequest>();
        if (bad != null)
        {
            foreach (var violation in bad.FieldViolations)
            {
                Console.WriteLine($"  {violation.Field}: {violation.Description}");
            }
        }
        var retry = status?.GetDetail<RetryInfo>();
        if (retry != null)
        {
            Console.WriteLine($"  try again in {Math.Round(retry.RetryDelay.ToTimeSpan().TotalSeconds)} s");
        }
    }
}
